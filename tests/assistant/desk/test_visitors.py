"""Who a visitor is: nobody until the site has signed it, and never somebody by saying so."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.utils import timezone

from assistant.desk import sites, visitors
from assistant.desk.sealing import unseal
from assistant.errors import AssistantError
from assistant.models import Case, Message, Person, Site, UsedIdentity, Visitor, VisitorToken
from tests.assistant.desk import rows

ORIGIN = "https://shop.example"


@pytest.fixture
def shop(db: None) -> Site:
    site = rows.site()
    sites.rotate_secret(site.id, by=None)
    return sites.update(site.id, by=None, origins=[ORIGIN])


def signed(site: Site, secret: str | None = None, *, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {"sub": "42", "aud": str(site.id), "exp": int(time.time()) + 600, "jti": f"one-{time.monotonic_ns()}"}
    merged = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    key = secret if secret is not None else unseal(site.identity_secret)
    return jwt.encode(merged, key or None, algorithm=algorithm)


def code_of(problem: pytest.ExceptionInfo[AssistantError]) -> str:
    return problem.value.code


def test_a_visitor_comes_from_a_page_of_the_site_and_is_nobody(shop: Site) -> None:
    visitor, token = visitors.open_visitor(shop, ORIGIN)

    assert visitors.token_with(token).visitor == visitor
    assert visitor.person.is_guest
    assert not visitor.person.has_usable_password()
    assert token not in str(list(VisitorToken.objects.values()))


@pytest.mark.parametrize("origin", ["https://evil.example", "https://shop.example.evil.example", "null", ""])
def test_no_visitor_comes_from_elsewhere(shop: Site, origin: str) -> None:
    with pytest.raises(AssistantError) as problem:
        visitors.open_visitor(shop, origin)
    assert code_of(problem) == "visitor.origin_refused"


def test_a_site_without_origins_is_shown_nowhere(shop: Site) -> None:
    site = sites.update(shop.id, by=None, origins=[])

    with pytest.raises(AssistantError) as problem:
        visitors.open_visitor(site, ORIGIN)
    assert code_of(problem) == "visitor.origin_refused"


def test_a_token_opens_nothing_after_a_month_of_rest_or_when_its_site_is_switched_off(shop: Site) -> None:
    _, token = visitors.open_visitor(shop, ORIGIN)
    _, other = visitors.open_visitor(shop, ORIGIN)
    VisitorToken.objects.filter(sha256=visitors.sha256_of(token)).update(used_at=timezone.now() - timedelta(days=31))

    with pytest.raises(AssistantError):
        visitors.token_with(token)
    assert visitors.token_with(other)
    sites.update(shop.id, by=None, is_enabled=False)
    with pytest.raises(AssistantError):
        visitors.token_with(other)


def test_whom_the_site_signs_keeps_what_was_said_before_and_gets_another_token(shop: Site) -> None:
    visitor, token = visitors.open_visitor(shop, ORIGIN)
    said = rows.say(visitor)

    known, fresh = visitors.identify(shop, signed(shop, name="Alice", email="alice@example.org"), token)

    assert known.pk == visitor.pk
    assert (known.subject, known.name, known.email) == ("42", "Alice", "alice@example.org")
    assert Case.objects.get(pk=said.conversation_id).visitor == known
    assert visitors.token_with(fresh).is_identified
    with pytest.raises(AssistantError):
        visitors.token_with(token)


def test_who_is_known_already_gets_what_was_said_as_nobody(shop: Site) -> None:
    known, _ = visitors.identify(shop, signed(shop))
    nobody, token = visitors.open_visitor(shop, ORIGIN)
    said = rows.say(nobody)

    again, _ = visitors.identify(shop, signed(shop), token)

    assert again.pk == known.pk
    case = Case.objects.get(pk=said.conversation_id)
    assert (case.visitor_id, case.conversation.owner_id) == (known.pk, known.pk)
    assert Message.objects.get(pk=said.message_id).author_id == known.pk
    assert not Person.objects.filter(pk=nobody.pk).exists()


def test_another_subject_in_the_same_browser_sees_nothing_of_the_first(shop: Site) -> None:
    first, token = visitors.identify(shop, signed(shop))
    rows.say(first)

    second, _ = visitors.identify(shop, signed(shop, sub="43"), token)

    assert second.pk != first.pk
    assert not Case.objects.filter(visitor=second).exists()


def test_an_identity_opens_once_and_does_no_harm_where_it_opened(shop: Site) -> None:
    identity = signed(shop)
    visitor, token = visitors.identify(shop, identity)

    assert visitors.identify(shop, identity, token) == (visitor, token)
    for stolen in (None, "another token", visitors.open_visitor(shop, ORIGIN)[1]):
        with pytest.raises(AssistantError) as problem:
            visitors.identify(shop, identity, stolen)
        assert code_of(problem) == "visitor.identity_invalid"


def test_another_page_of_the_same_person_shuts_out_no_tab(shop: Site) -> None:
    """Sites sign anew with each page."""
    visitor, token = visitors.identify(shop, signed(shop, name="Alice"))

    assert visitors.identify(shop, signed(shop, name="Alice B."), token) == (visitor, token)

    assert visitors.token_with(token).visitor.name == "Alice B."


def test_a_token_that_has_rested_too_long_is_replaced(shop: Site) -> None:
    visitor, token = visitors.identify(shop, signed(shop))
    VisitorToken.objects.update(used_at=timezone.now() - timedelta(days=31))

    again, fresh = visitors.identify(shop, signed(shop), token)

    assert again == visitor
    assert visitors.token_with(fresh)


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "x" * 40},
        {"aud": "another site"},
        {"aud": None},
        {"exp": int(time.time()) - 120},
        {"exp": int(time.time()) + 3600},
        {"exp": 10**30},
        {"exp": None},
        {"jti": None},
        {"jti": ""},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 201},
        {"algorithm": "HS512"},
        {"algorithm": "none", "secret": ""},
    ],
)
def test_what_the_site_has_not_signed_so_is_refused(shop: Site, changes: dict[str, Any]) -> None:
    with pytest.raises(AssistantError) as problem:
        visitors.identify(shop, signed(shop, **changes))

    assert code_of(problem) == "visitor.identity_invalid"
    assert not Visitor.objects.exists()


def test_an_identity_of_one_site_opens_nothing_on_another(shop: Site) -> None:
    other = rows.site("Other")
    sites.rotate_secret(other.id, by=None)
    other.refresh_from_db()

    with pytest.raises(AssistantError):
        visitors.identify(other, signed(shop))
    with pytest.raises(AssistantError):
        visitors.identify(other, signed(other, aud=str(shop.id)))


def test_the_secret_before_holds_for_a_day(shop: Site) -> None:
    identities = [signed(shop), signed(shop)]
    sites.rotate_secret(shop.id, by=None)

    assert visitors.identify(shop, identities[0])
    Site.objects.update(previous_secret_until=timezone.now() - timedelta(seconds=1))
    with pytest.raises(AssistantError):
        visitors.identify(shop, identities[1])


def test_what_has_expired_is_not_remembered_for_ever(shop: Site) -> None:
    UsedIdentity.objects.create(site=shop, jti="old", expires_at=timezone.now() - timedelta(hours=1))

    visitors.identify(shop, signed(shop))

    assert list(UsedIdentity.objects.filter(jti="old")) == []


def test_where_identity_is_demanded_no_other_token_opens_anything(shop: Site) -> None:
    _, before = visitors.open_visitor(shop, ORIGIN)
    _, signed_token = visitors.identify(shop, signed(shop))
    site = sites.update(shop.id, by=None, is_identity_required=True)

    for attempt in (lambda: visitors.token_with(before), lambda: visitors.open_visitor(site, ORIGIN)):
        with pytest.raises(AssistantError) as problem:
            attempt()
        assert code_of(problem) == "visitor.identity_required"
    assert visitors.token_with(signed_token)


def test_a_ticket_opens_one_socket(shop: Site) -> None:
    visitor, token = visitors.open_visitor(shop, ORIGIN)
    ticket = visitors.new_ticket(visitors.token_with(token))

    assert visitors.redeem(ticket).visitor == visitor
    for used in (ticket, "made up", ""):
        with pytest.raises(AssistantError) as problem:
            visitors.redeem(used)
        assert code_of(problem) == "visitor.unknown"


def test_a_ticket_opens_nothing_once_its_token_is_forgotten(shop: Site) -> None:
    _, token = visitors.open_visitor(shop, ORIGIN)
    ticket = visitors.new_ticket(visitors.token_with(token))
    visitors.forget(token)

    with pytest.raises(AssistantError):
        visitors.redeem(ticket)
