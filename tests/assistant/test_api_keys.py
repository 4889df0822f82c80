"""A key is shown once, opens the API for one person, and can be taken back."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from assistant.accounts import api_keys
from assistant.errors import AssistantError
from assistant.models import ApiKey, AuditEvent, Person


def run(*words: str) -> list[str]:
    out = StringIO()
    call_command("apikey", *words, stdout=out)
    return out.getvalue().splitlines()


def test_a_key_stands_for_its_person_and_is_nowhere_to_be_read(alice: Person, charlie: Person) -> None:
    key = api_keys.create(alice.id, " Notes   to mail ", by=alice.id)
    api_keys.create(charlie.id, "Mine", by=charlie.id)

    assert api_keys.person_with(key) == alice
    row = ApiKey.objects.get(person=alice)
    assert (row.name, row.prefix) == ("Notes to mail", key[:13])
    assert key not in str(list(ApiKey.objects.values()))
    assert key not in str(list(AuditEvent.objects.values()))


def test_what_is_no_key_stands_for_nobody(alice: Person) -> None:
    key = api_keys.create(alice.id, "Notes", by=alice.id)

    for wrong in ("", key[:-1], key + "x", key.upper(), ApiKey.objects.get().sha256):
        assert api_keys.person_with(wrong) is None


def test_a_key_of_somebody_shut_out_opens_nothing(alice: Person) -> None:
    key = api_keys.create(alice.id, "Notes", by=alice.id)
    Person.objects.filter(pk=alice.pk).update(is_active=False)

    assert api_keys.person_with(key) is None


def test_a_revoked_key_opens_nothing_and_the_audit_has_both(alice: Person) -> None:
    key = api_keys.create(alice.id, "Notes", by=alice.id)

    api_keys.revoke(ApiKey.objects.get().id, by=alice.id, of=alice.id)

    assert api_keys.person_with(key) is None
    assert list(AuditEvent.objects.order_by("number").values_list("action", flat=True)) == [
        "api_key.create",
        "api_key.revoke",
    ]


def test_charlie_revokes_no_key_of_alice(alice: Person, charlie: Person) -> None:
    key = api_keys.create(alice.id, "Notes", by=alice.id)

    with pytest.raises(AssistantError, match=r"api_key\.not_found"):
        api_keys.revoke(ApiKey.objects.get().id, by=charlie.id, of=charlie.id)
    with pytest.raises(AssistantError, match=r"api_key\.not_found"):
        api_keys.revoke(uuid4(), by=alice.id, of=alice.id)

    assert api_keys.person_with(key) == alice


def test_use_is_noted_and_not_at_every_request(alice: Person) -> None:
    key = api_keys.create(alice.id, "Notes", by=alice.id)

    api_keys.person_with(key)
    first = ApiKey.objects.get().last_used_at
    api_keys.person_with(key)
    again = ApiKey.objects.get().last_used_at
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(hours=1))
    api_keys.person_with(key)

    assert first is not None
    assert again == first
    assert timezone.now() - ApiKey.objects.get().last_used_at < timedelta(minutes=1)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_key_needs_a_name(alice: Person, name: str) -> None:
    with pytest.raises(AssistantError, match=r"api_key\.no_name"):
        api_keys.create(alice.id, name, by=alice.id)


def test_there_is_an_end_to_keys(alice: Person) -> None:
    for number in range(api_keys.MAX_KEYS):
        api_keys.create(alice.id, str(number), by=alice.id)

    with pytest.raises(AssistantError, match=r"api_key\.too_many"):
        api_keys.create(alice.id, "One more", by=alice.id)
    assert len(api_keys.keys_of(alice.id)) == api_keys.MAX_KEYS


def test_the_command_prints_the_key_last(alice: Person) -> None:
    *_, key = run("create", "--name", "Notes", "--person", "ALICE@example.org")

    assert api_keys.person_with(key) == alice
    [line] = run("list")
    assert line.startswith(f"{key[:13]}…")
    assert line.endswith("alice@example.org  Notes")
    run("revoke", f"{key[:13]}…")
    assert api_keys.person_with(key) is None
    assert run("list") == []


def test_a_program_without_a_person_has_an_account_of_its_own_to_which_nobody_signs_in(db: None) -> None:
    first, second, other = (run("create", "--name", name)[-1] for name in ("Night build", "Night build", "Wiki"))

    program = api_keys.person_with(first)
    assert program is not None
    assert program == api_keys.person_with(second) != api_keys.person_with(other)
    assert program.username == "program:night-build"
    assert (program.is_guest, program.role, program.has_usable_password()) == (False, "user", False)


def test_the_command_says_what_it_cannot_find(alice: Person) -> None:
    with pytest.raises(CommandError, match=r"Nobody here has the address dora@example\.org"):
        run("create", "--name", "Notes", "--person", "dora@example.org")
    for _ in "12":
        run("create", "--name", "Notes")
    with pytest.raises(CommandError, match="Several API keys begin so"):
        run("revoke", "parley_")
    with pytest.raises(CommandError, match="no such API key"):
        run("revoke", "parley_-")
