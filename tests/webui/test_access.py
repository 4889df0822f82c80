"""Who may read and write what: every role at every address and JSON call.

alice owns, bob reviews, charlie has no access, a guest has just come, and nobody has not even opened the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import URLResolver, get_resolver

from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.models import Feedback, Person, Review
from tests.conftest import ask
from tests.webui.addresses import ACCOUNT_PAGES, ADDRESSES, PARAMETERS, Foreign, Own, Staff
from tests.webui.roles import VISITORS, everything

STAFF = {address: line for address, line in ADDRESSES.items() if isinstance(line, Staff)}
FOREIGN = {address: line for address, line in {**ADDRESSES, **PARAMETERS}.items() if isinstance(line, Foreign)}
OWN = {
    re.sub(
        r"{\w+_id}", str(uuid4()), re.sub(r"{(key|token|sha256|why)}", "made-up", address.removeprefix("GET "))
    ): line
    for address, line in ADDRESSES.items()
    if isinstance(line, Own) and address.startswith("GET ")
}


@pytest.fixture
def under_review(of_alice: Accepted, alice: Person) -> Review:
    """What alice said of her reply waits to be judged."""
    feedback.give(alice.id, of_alice.reply_id, Feedback.Rating.DOWN, ["unsafe"])
    return Review.objects.get()


def test_every_address_has_a_line(db: None) -> None:
    assert set(_addresses()) == set(ADDRESSES)


def test_every_account_page_has_a_line() -> None:
    paths = (path.removeprefix("accounts/") for path in _paths(get_resolver()) if path.startswith("accounts/"))
    assert set(paths) == set(ACCOUNT_PAGES)


# Whoever changes nothing asks for every address in one test, each time in a browser of their own: the people and what
# is alice's are made once.
@pytest.mark.parametrize("visitor", VISITORS)
def test_others_find_nothing_of_alice(visitor: str, enter: Callable[..., Client], of_alice: Accepted) -> None:
    before = everything()

    for address, line in FOREIGN.items():
        answer = line.ask(enter(visitor), of_alice)

        if line.code is None:
            assert answer.status_code == 404, address
        else:
            assert answer.status_code == (401 if visitor == "nobody" else 404), address
            assert answer.json().keys() == {"code", "message", "retryable"}, address
            assert answer.json()["code"] == ("person.not_signed_in" if visitor == "nobody" else line.code), address
        assert b"Hello" not in answer.content, address
        assert everything() == before, address


@pytest.mark.parametrize("line", [pytest.param(line, id=address) for address, line in FOREIGN.items()])
def test_alice_herself_is_let_in(line: Foreign, enter: Callable[..., Client], of_alice: Accepted) -> None:
    assert line.ask(enter("alice"), of_alice).status_code in (200, 204)


@pytest.mark.parametrize("visitor", ["alice", *VISITORS])
def test_what_staff_does_nobody_else_does(
    visitor: str, enter: Callable[..., Client], of_alice: Accepted, under_review: Review
) -> None:
    before = everything()

    for address, line in STAFF.items():
        answer = line.ask(enter(visitor), of_alice)

        assert answer.status_code == {"bob": line.reviewer, "nobody": 401}.get(visitor, 403), address
        assert b"Hello" not in answer.content, address
        assert everything() == before, address


def test_a_page_elsewhere_writes_nothing_with_the_session_of_alice(
    enter: Callable[..., Client], of_alice: Accepted
) -> None:
    """It has her cookie, because her browser sends it, and not the token."""
    before = everything()

    for address, line in FOREIGN.items():
        answer = line.ask(enter("alice", enforce_csrf_checks=True), of_alice)

        if answer.request["REQUEST_METHOD"] != "GET":
            assert (answer.status_code, answer.json()["code"]) == (403, "request.forged"), address
        assert everything() == before, address


def test_a_page_elsewhere_sends_no_form_and_sets_nothing(enter: Callable[..., Client], alice: Person) -> None:
    client = enter("alice", enforce_csrf_checks=True)

    for path in ("/accounts/login/", "/accounts/logout/", "/accounts/signup/", "/accounts/password/reset/"):
        answer = client.post(path, {"email": "mallory@example.org"})
        assert answer.status_code == 403
        assert "did not come from our own page" in answer.content.decode()
    assert client.patch("/api/me/preferences", {"theme": "dark"}, "application/json").status_code == 403
    alice.refresh_from_db()
    assert alice.preferences == {}
    assert client.get("/api/conversations").status_code == 200  # she is still signed in


@pytest.mark.parametrize("visitor", ["alice", *VISITORS])
def test_what_names_nobody_is_answered_alike(visitor: str, enter: Callable[..., Client]) -> None:
    def expected(line: Own) -> int:
        differing = {"nobody": line.nobody, "guest": line.guest or line.person, "bob": line.reviewer or line.person}
        return differing.get(visitor, line.person)

    answered = {path: enter(visitor).get(path).status_code for path in OWN}

    assert answered == {path: expected(line) for path, line in OWN.items()}


@pytest.mark.parametrize("visitor", ["alice", *VISITORS])
def test_pages_of_accounts_are_shown_to_whom_they_are_for(visitor: str, enter: Callable[..., Client]) -> None:
    for path, (member, guest, nobody) in ACCOUNT_PAGES.items():
        made_up = re.sub(r"\^(.*?)\(\?P.*", r"\1x-made-up/", re.sub(r"<\w+:\w+>", "1", path))

        answer = enter(visitor).get(f"/accounts/{made_up}")

        assert answer.status_code == {"guest": guest, "nobody": nobody}.get(visitor, member), path
        assert "alice@" not in answer.content.decode(), path


def test_what_is_not_there_looks_like_what_is_anothers(enter: Callable[..., Client], of_alice: Accepted) -> None:
    client = enter("charlie")
    absent = Accepted(None, uuid4(), uuid4(), uuid4(), uuid4())

    for line in ADDRESSES.values():
        if isinstance(line, Foreign):
            theirs, nobodys = line.ask(client, of_alice), line.ask(client, absent)
            assert theirs.status_code == nobodys.status_code == 404
            if line.code:
                assert theirs.content == nobodys.content


@pytest.mark.parametrize("name", ["leaf_id", "around", "after"])
def test_a_window_of_ones_own_conversation_shows_no_message_of_another(
    name: str, charlie: Person, enter: Callable[..., Client], of_alice: Accepted
) -> None:
    own = ask(charlie, "My own")

    answer = enter("charlie").get(f"/api/conversations/{own.conversation_id}/messages", {name: of_alice.message_id})

    assert (answer.status_code, answer.json()["code"]) == (404, "message.not_found")


@pytest.mark.parametrize("visitor", VISITORS)
def test_the_lists_hold_nothing_of_another(visitor: str, enter: Callable[..., Client], of_alice: Accepted) -> None:
    client = enter(visitor)

    assert str(of_alice.conversation_id) not in client.get("/").content.decode()
    for path in ("/api/conversations", "/api/folders", "/api/search?q=hello", "/api/search?q=in:hello"):
        assert client.get(path).json()["items"] == []
    assert str(of_alice.conversation_id) not in client.get("/").content.decode()
    assert client.get("/api/conversations").json()["items"] == []


def test_a_message_of_alice_is_not_read_through_a_conversation_of_charlie(
    charlie: Person, enter: Callable[..., Client], of_alice: Accepted
) -> None:
    client, own = enter("charlie"), ask(charlie, "My own")
    base = f"/api/conversations/{own.conversation_id}"

    read = client.get(f"{base}/messages?leaf_id={of_alice.reply_id}")
    moved = client.put(f"{base}/head", {"message_id": of_alice.reply_id}, "application/json")

    assert (read.status_code, read.json()["code"]) == (404, "message.not_found")
    assert (moved.status_code, moved.json()["code"]) == (404, "message.not_found")


def test_a_folder_of_alice_neither_shows_nor_takes_anything_for_charlie(
    charlie: Person, enter: Callable[..., Client], of_alice: Accepted
) -> None:
    client, own = enter("charlie"), ask(charlie, "My own")
    folder_id = of_alice.conversation_id

    listed = client.get(f"/api/conversations?folder={folder_id}")
    moved = client.put(f"/api/conversations/{own.conversation_id}/folder", {"folder_id": folder_id}, "application/json")

    assert (listed.status_code, listed.json()["code"]) == (404, "folder.not_found")
    assert (moved.status_code, moved.json()["code"]) == (404, "folder.not_found")


@pytest.mark.parametrize("visitor", ["alice", *VISITORS])
def test_the_admin_is_closed_to_people_without_a_post_in_it(
    visitor: str, enter: Callable[..., Client], of_alice: Accepted
) -> None:
    client = enter(visitor)
    pages = {"/" + re.sub(r"<\w+:\w+>", "1", path) for path in _paths(get_resolver()) if path.startswith("admin/")}
    pages -= {"/admin/login/", "/admin/(?P<url>.*)$"}
    pages.add(f"/admin/assistant/generation/{of_alice.generation_id}/change/")

    for page in pages - {"/admin/logout/"}:
        for answer in (client.get(page), client.post(page)):
            assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/"), page


def test_the_door_to_the_admin_is_the_one_where_attempts_are_counted(enter: Callable[..., Client], bob: Person) -> None:
    for visitor in ("guest", "nobody"):
        answer = enter(visitor).get("/admin/login/?next=/admin/assistant/person/")
        assert answer["Location"] == "/accounts/login/?next=/admin/assistant/person/"
    assert enter("bob").get("/admin/login/").status_code == 403
    bob.is_staff = True
    bob.save()
    assert enter("bob").get("/admin/login/")["Location"] == "/admin/"


@pytest.mark.parametrize("action", ["edit", "remove"])
@pytest.mark.parametrize("visitor", VISITORS)
def test_others_do_not_reach_a_passkey_of_alice(
    visitor: str, action: str, alice: Person, bob: Person, charlie: Person, enter: Callable[..., Client]
) -> None:
    passkey = Authenticator.objects.create(user=alice, type="webauthn", data={"name": "Alice's key", "credential": {}})
    for other in (bob, charlie):  # nothing to prove themselves by once more, so nothing but the look-up refuses
        other.set_unusable_password()
        other.save()

    answer = enter(visitor).post(f"/accounts/2fa/passkeys/{passkey.pk}/{action}/", {"name": "Mine"})

    assert answer.status_code == (404 if visitor in ("bob", "charlie") else 302)
    passkey.refresh_from_db()
    assert passkey.data["name"] == "Alice's key"


def test_charlie_signs_no_device_of_alice_out(alice: Person, enter: Callable[..., Client]) -> None:
    owner = enter("alice")
    owner.get("/settings/security/")
    [device] = UserSession.objects.filter(user=alice)

    answer = enter("charlie").post("/settings/security/devices/", {"device": device.pk})

    assert answer.status_code == 404
    assert owner.get("/settings/security/").status_code == 200


def _addresses() -> Iterator[str]:
    """Every method and path of the product's own, ids by name."""
    client = Client(headers={"Accept": "application/json"})
    for path in _paths(get_resolver()):
        if path.startswith(("accounts/", "admin/")):
            continue
        # The refusal of a method that nobody offers names those that are.
        answer = client.generic("PROPFIND", "/" + re.sub(r"<\w+:\w+>", str(uuid4()), path))
        for method in set(answer.get("Allow", "GET").split(", ")) - {"HEAD"}:
            yield f"{method} /" + re.sub(r"<\w+:(\w+)>", r"{\1}", path)


def _paths(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _paths(pattern, path)
        elif pattern.name != "api-root":  # ninja's name for the place itself; it leads to a 404
            yield path
