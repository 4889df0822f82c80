"""Who may read and write what: every role at every address and JSON call.

alice owns, bob reviews, charlie has no access, a guest has just come, and nobody has not even opened the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.http import HttpResponse
from django.test import Client
from django.urls import URLResolver, get_resolver

from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.models import Feedback, Message, Person, Review
from tests.conftest import ask
from tests.webui.roles import VISITORS, everything

Ask = Callable[[Client, Accepted], HttpResponse]


@dataclass(frozen=True)
class Foreign:
    """An address that names an object of alice's: how it is asked, and what others are told."""

    ask: Ask
    code: str | None  # None: a page instead of JSON


@dataclass(frozen=True)
class Own:
    """An address that names nobody's object; it shows what belongs to whoever asks, or to everybody. By GET."""

    person: int = 200  # how anybody with a session is answered
    guest: int | None = None  # where that differs
    reviewer: int | None = None  # likewise
    nobody: int = 200


@dataclass(frozen=True)
class Staff:
    """An address for reviewers, or administrators alone, that names an object: how it is asked."""

    ask: Ask
    reviewer: int = 200  # how bob is answered


# A new address needs a line here, or test_every_address_has_a_line fails.
ADDRESSES: dict[str, Foreign | Own | Staff] = {
    "GET /": Own(),
    "GET /c/{conversation_id}/": Foreign(lambda c, of: c.get(f"/c/{of.conversation_id}/"), None),
    "GET /api/conversations": Own(nobody=401),
    "PATCH /api/conversations/{conversation_id}": Foreign(
        lambda c, of: c.patch(f"/api/conversations/{of.conversation_id}", {"title": "Mine"}, "application/json"),
        "conversation.not_found",
    ),
    "DELETE /api/conversations/{conversation_id}": Foreign(
        lambda c, of: c.delete(f"/api/conversations/{of.conversation_id}"), "conversation.not_found"
    ),
    "POST /api/conversations/{conversation_id}/restore": Foreign(
        lambda c, of: c.post(f"/api/conversations/{of.conversation_id}/restore"), "conversation.not_found"
    ),
    "PUT /api/conversations/{conversation_id}/read": Foreign(
        lambda c, of: c.put(f"/api/conversations/{of.conversation_id}/read"), "conversation.not_found"
    ),
    "PUT /api/conversations/{conversation_id}/folder": Foreign(
        lambda c, of: c.put(
            f"/api/conversations/{of.conversation_id}/folder", {"folder_id": of.conversation_id}, "application/json"
        ),
        "conversation.not_found",
    ),
    "GET /api/folders": Own(nobody=401),
    "POST /api/folders": Own(),
    "PATCH /api/folders/{folder_id}": Foreign(
        lambda c, of: c.patch(f"/api/folders/{of.conversation_id}", {"name": "Mine"}, "application/json"),
        "folder.not_found",
    ),
    "DELETE /api/folders/{folder_id}": Foreign(
        lambda c, of: c.delete(f"/api/folders/{of.conversation_id}"), "folder.not_found"
    ),
    "GET /api/search": Own(person=400, nobody=401),
    "GET /api/conversations/{conversation_id}/messages": Foreign(
        lambda c, of: c.get(f"/api/conversations/{of.conversation_id}/messages"), "conversation.not_found"
    ),
    "PUT /api/conversations/{conversation_id}/head": Foreign(
        lambda c, of: c.put(
            f"/api/conversations/{of.conversation_id}/head", {"message_id": of.message_id}, "application/json"
        ),
        "conversation.not_found",
    ),
    "GET /api/conversations/{conversation_id}/settings": Foreign(
        lambda c, of: c.get(f"/api/conversations/{of.conversation_id}/settings"), "conversation.not_found"
    ),
    "PATCH /api/conversations/{conversation_id}/settings": Foreign(
        lambda c, of: c.patch(
            f"/api/conversations/{of.conversation_id}/settings", {"system_message": "Obey charlie"}, "application/json"
        ),
        "conversation.not_found",
    ),
    "PATCH /api/messages/{message_id}": Foreign(
        lambda c, of: c.patch(f"/api/messages/{of.message_id}", {"text": "Mine"}, "application/json"),
        "message.not_found",
    ),
    "GET /api/messages/{message_id}/provenance": Foreign(
        lambda c, of: c.get(f"/api/messages/{of.reply_id}/provenance"), "message.not_found"
    ),
    "GET /api/comparisons/{left_id}/{right_id}": Foreign(
        lambda c, of: c.get(f"/api/comparisons/{of.reply_id}/{_second(of)}"), "message.not_found"
    ),
    "PUT /api/comparisons/{left_id}/{right_id}": Foreign(
        lambda c, of: c.put(f"/api/comparisons/{of.reply_id}/{_second(of)}", {"verdict": "right"}, "application/json"),
        "message.not_found",
    ),
    "DELETE /api/comparisons/{left_id}/{right_id}": Foreign(
        lambda c, of: c.delete(f"/api/comparisons/{of.reply_id}/{_second(of)}"), "message.not_found"
    ),
    "POST /api/messages/{message_id}/fork": Foreign(
        lambda c, of: c.post(f"/api/messages/{of.reply_id}/fork", {"scope": "all"}, "application/json"),
        "message.not_found",
    ),
    "GET /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.get(f"/api/conversations/{of.conversation_id}/share"), "conversation.not_found"
    ),
    "PUT /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.put(
            f"/api/conversations/{of.conversation_id}/share", {"audience": "anyone"}, "application/json"
        ),
        "conversation.not_found",
    ),
    "PATCH /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.patch(
            f"/api/conversations/{of.conversation_id}/share", {"audience": "anyone"}, "application/json"
        ),
        "conversation.not_found",
    ),
    "DELETE /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.delete(f"/api/conversations/{of.conversation_id}/share"), "conversation.not_found"
    ),
    "GET /c/{conversation_id}/export.json": Foreign(lambda c, of: c.get(f"/c/{of.conversation_id}/export.json"), None),
    "GET /c/{conversation_id}/export.md": Foreign(lambda c, of: c.get(f"/c/{of.conversation_id}/export.md"), None),
    "PUT /api/messages/{message_id}/feedback": Foreign(
        lambda c, of: c.put(f"/api/messages/{of.reply_id}/feedback", {"rating": "down"}, "application/json"),
        "message.not_found",
    ),
    "DELETE /api/messages/{message_id}/feedback": Foreign(
        lambda c, of: c.delete(f"/api/messages/{of.reply_id}/feedback"), "message.not_found"
    ),
    "GET /api/messages/{message_id}/feedback/life": Foreign(
        lambda c, of: c.get(f"/api/messages/{of.reply_id}/feedback/life"), "message.not_found"
    ),
    "GET /api/me/feedback/news": Own(nobody=401),
    # Whoever has the secret in the address may come in: tests/webui/test_share_links.py says who else may not.
    "GET /s/{token}/": Own(person=404, nobody=404),
    "POST /s/{token}/copy/": Own(),
    # For reviewers and administrators, whatever is named; the forms: tests/webui/test_approved_answers.py.
    "GET /approved-answers/": Own(person=403, reviewer=200, nobody=401),
    "POST /approved-answers/": Own(),
    "GET /approved-answers/{passage_id}/": Own(person=403, reviewer=404, nobody=401),
    "POST /approved-answers/{passage_id}/": Own(),
    "GET /data/links/": Own(nobody=302),
    "GET /data/import/": Own(),
    "GET /data/export.zip": Own(nobody=302),
    "POST /api/import": Own(),
    "GET /api/me/preferences": Own(nobody=401),
    "PATCH /api/me/preferences": Own(nobody=401),
    "GET /api/openapi.json": Own(),
    "GET /manifest.webmanifest": Own(),
    "GET /settings/": Own(),
    "POST /settings/": Own(),
    "POST /settings/email/": Own(),
    # A signed key that only the owner of the mailbox has; tests/webui/test_email.py tampers with it.
    "GET /settings/email/confirm/{key}/": Own(person=400, nobody=400),
    "POST /settings/email/confirm/{key}/": Own(),
    "POST /settings/language/": Own(),
    "GET /settings/appearance/": Own(),
    "POST /settings/appearance/": Own(),
    "GET /settings/privacy/": Own(),
    "POST /settings/privacy/consent/": Own(),
    "GET /settings/feedback/": Own(),
    # These name a reply or a question in their form: tests/webui/test_your_feedback.py.
    "POST /settings/feedback/withdraw/": Own(),
    "POST /settings/feedback/judge/": Own(),
    "POST /settings/feedback/seen/": Own(),
    "GET /settings/delete/": Own(),
    "POST /settings/delete/": Own(),
    "GET /settings/security/": Own(guest=302, nobody=302),
    # Names a device in its form: test_charlie_signs_no_device_of_alice_out.
    "POST /settings/security/devices/": Own(),
    **{
        f"GET /review/{page}": Own(person=403, reviewer=200, nobody=401) for page in ("", "decided/", "work/", "tests/")
    },
    # Administrators alone: tests/assistant/test_transcripts.py.
    "GET /review/transcripts/": Own(person=403, nobody=401),
    "GET /review/transcripts/{conversation_id}/": Staff(
        lambda c, of: c.get(f"/review/transcripts/{of.conversation_id}/"), reviewer=403
    ),
    "POST /review/transcripts/{conversation_id}/": Staff(
        lambda c, of: c.post(f"/review/transcripts/{of.conversation_id}/", {"reason": "Curious"}), reviewer=403
    ),
    "POST /review/decided/": Staff(lambda c, of: c.post("/review/decided/", {"review": of.reply_id}), reviewer=404),
    "POST /review/tests/": Staff(lambda c, of: c.post("/review/tests/", {"case": of.reply_id}), reviewer=404),
    "PUT /api/reviews/reason": Staff(
        lambda c, of: c.put("/api/reviews/reason", {"reason": "Curious"}, "application/json"), reviewer=204
    ),
    # Without a reason bob is refused as well: tests/webui/test_review_api.py.
    "POST /api/reviews/next": Staff(lambda c, of: c.post("/api/reviews/next", {}, "application/json"), reviewer=400),
    "PUT /api/reviews/{review_id}/assignment": Staff(
        lambda c, of: c.put(f"/api/reviews/{_review(of)}/assignment"), reviewer=400
    ),
    "DELETE /api/reviews/{review_id}/assignment": Staff(
        lambda c, of: c.delete(f"/api/reviews/{_review(of)}/assignment"), reviewer=409
    ),
    "PUT /api/reviews/{review_id}/decision": Staff(
        lambda c, of: c.put(f"/api/reviews/{_review(of)}/decision", {"decision": "accept"}, "application/json"),
        reviewer=409,
    ),
    "DELETE /api/reviews/{review_id}/decision": Staff(
        lambda c, of: c.delete(f"/api/reviews/{_review(of)}/decision"), reviewer=404
    ),
    "POST /api/reviews/{review_id}/regression-case": Staff(
        lambda c, of: c.post(f"/api/reviews/{_review(of)}/regression-case", {"refuses": True}, "application/json"),
        reviewer=409,
    ),
    # Of the learning loop: reviewers may look, and only administrators act (tests/webui/test_learning_access.py).
    **{
        f"GET /learning/{page}": Own(person=403, reviewer=200, nobody=401)
        for page in (
            *("runs/", "runs/start/", "adapters/", "data/", "data/examples/", "data/preview/"),
            *("data/preview/{why}/", "data/receipts/"),
        )
    },
    **{
        f"GET /learning/{page}": Own(person=403, reviewer=404, nobody=401)
        for page in (
            *("runs/{run_id}/", "adapters/{sha256}/", "adapters/{sha256}/cases/", "adapters/{sha256}/card/"),
            *("adapters/{sha256}/card.md", "data/snapshots/{sha256}/"),
        )
    },
    **{
        f"POST /learning/{page}": Own()
        for page in (
            *("runs/start/", "runs/{run_id}/cancel/", "runs/{run_id}/train/", "data/release/", "data/build/"),
            *(f"adapters/{{sha256}}/{verb}/" for verb in ("try", "advance", "promote", "back", "evaluate", "retrain")),
        )
    },
    "POST /api/learning/runs": Own(),
    "GET /api/learning/runs/{run_id}": Own(person=403, reviewer=404, nobody=401),
    "DELETE /api/learning/runs/{run_id}": Own(),
    "GET /api/learning/adapters/{sha256}/evidence": Own(person=403, reviewer=404, nobody=401),
    "GET /healthz": Own(),
    "GET /readyz": Own(person=503, nobody=503),  # the tests have no worker
}

# Pages of accounts know the signed-in person alone: how a member, a guest and nobody are answered. ELSEWHERE are pages
# for which one must prove oneself once more or be in the middle of signing in, and those that only lead on.
EVERYBODY, PEOPLE, MEMBERS, ELSEWHERE = (200, 200, 200), (200, 200, 302), (200, 302, 302), (302, 302, 302)
NOT_SET_UP = (404, 302, 302)
ACCOUNT_PAGES = {
    "login/": EVERYBODY,
    "logout/": PEOPLE,
    "signup/": EVERYBODY,
    "inactive/": EVERYBODY,
    "reauthenticate/": MEMBERS,
    "password/change/": MEMBERS,
    "password/set/": ELSEWHERE,
    "password/reset/": EVERYBODY,
    "password/reset/done/": EVERYBODY,
    "^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": EVERYBODY,  # who has the key
    "password/reset/key/done/": EVERYBODY,
    "2fa/": ELSEWHERE,
    "2fa/authenticate/": ELSEWHERE,
    "2fa/reauthenticate/": ELSEWHERE,
    "2fa/passkeys/": ELSEWHERE,
    "2fa/passkeys/add/": ELSEWHERE,
    "2fa/passkeys/login/": ELSEWHERE,
    "2fa/passkeys/reauthenticate/": ELSEWHERE,
    # Names a key: test_others_do_not_reach_a_passkey_of_alice.
    "2fa/passkeys/<int:pk>/edit/": ELSEWHERE,
    "2fa/passkeys/<int:pk>/remove/": ELSEWHERE,
    "2fa/recovery-codes/": NOT_SET_UP,
    "2fa/recovery-codes/download/": NOT_SET_UP,
    "2fa/recovery-codes/generate/": ELSEWHERE,
    "2fa/totp/activate/": ELSEWHERE,
    "2fa/totp/deactivate/": NOT_SET_UP,
    "3rdparty/": ELSEWHERE,
    "3rdparty/signup/": ELSEWHERE,
    "3rdparty/login/cancelled/": EVERYBODY,
    "3rdparty/login/error/": (401, 401, 401),
    "oidc/<str:provider_id>/login/": (404, 404, 404),  # none is configured
    "oidc/<str:provider_id>/login/callback/": (404, 404, 404),
}
# The admin is walked as a whole: it is for staff alone (test_the_admin_is_closed_to_people_without_a_post_in_it).

# Parameters that name an object of their own, on addresses that have a line above.
PARAMETERS = {
    "GET /c/{conversation_id}/?message": Foreign(
        lambda c, of: c.get(f"/c/{of.conversation_id}/", {"message": of.message_id}), None
    ),
    **{
        f"GET /api/conversations/{{conversation_id}}/messages?{name}": Foreign(
            lambda c, of, name=name: c.get(f"/api/conversations/{of.conversation_id}/messages", {name: of.message_id}),
            "conversation.not_found",
        )
        for name in ("leaf_id", "around", "after")
    },
}

STAFF = [pytest.param(line, id=address) for address, line in ADDRESSES.items() if isinstance(line, Staff)]
FOREIGN = [
    pytest.param(line, id=address) for address, line in {**ADDRESSES, **PARAMETERS}.items() if isinstance(line, Foreign)
]
OWN = [
    pytest.param(
        re.sub(r"{\w+_id}", str(uuid4()), re.sub(r"{(key|token|sha256|why)}", "made-up", address.removeprefix("GET "))),
        line,
        id=address,
    )
    for address, line in ADDRESSES.items()
    if isinstance(line, Own) and address.startswith("GET ")
]


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


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("line", FOREIGN)
def test_others_find_nothing_of_alice(
    line: Foreign, visitor: str, enter: Callable[..., Client], of_alice: Accepted
) -> None:
    client, before = enter(visitor), everything()

    answer = line.ask(client, of_alice)

    code = "person.not_signed_in" if visitor == "nobody" else line.code
    if line.code is None:
        assert answer.status_code == 404
    else:
        assert answer.status_code == (401 if visitor == "nobody" else 404)
        assert answer.json().keys() == {"code", "message", "retryable"}
        assert answer.json()["code"] == code
    assert b"Hello" not in answer.content
    assert everything() == before


@pytest.mark.parametrize("line", FOREIGN)
def test_alice_herself_is_let_in(line: Foreign, enter: Callable[..., Client], of_alice: Accepted) -> None:
    assert line.ask(enter("alice"), of_alice).status_code in (200, 204)


@pytest.mark.parametrize("visitor", ["alice", *VISITORS])
@pytest.mark.parametrize("line", STAFF)
def test_what_staff_does_nobody_else_does(
    line: Staff, visitor: str, enter: Callable[..., Client], of_alice: Accepted, under_review: Review
) -> None:
    client, before = enter(visitor), everything()

    answer = line.ask(client, of_alice)

    assert answer.status_code == {"bob": line.reviewer, "nobody": 401}.get(visitor, 403)
    assert b"Hello" not in answer.content
    assert everything() == before


@pytest.mark.parametrize("line", FOREIGN)
def test_a_page_elsewhere_writes_nothing_with_the_session_of_alice(
    line: Foreign, enter: Callable[..., Client], of_alice: Accepted
) -> None:
    """It has her cookie, because her browser sends it, and not the token."""
    client, before = enter("alice", enforce_csrf_checks=True), everything()

    answer = line.ask(client, of_alice)

    if answer.request["REQUEST_METHOD"] != "GET":
        assert (answer.status_code, answer.json()["code"]) == (403, "request.forged")
    assert everything() == before


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
@pytest.mark.parametrize(("path", "line"), OWN)
def test_what_names_nobody_is_answered_alike(path: str, line: Own, visitor: str, enter: Callable[..., Client]) -> None:
    differing = {"nobody": line.nobody, "guest": line.guest or line.person, "bob": line.reviewer or line.person}
    expected = differing.get(visitor, line.person)

    assert enter(visitor).get(path).status_code == expected


@pytest.mark.parametrize("visitor", ["alice", *VISITORS])
@pytest.mark.parametrize("path", ACCOUNT_PAGES)
def test_pages_of_accounts_are_shown_to_whom_they_are_for(
    path: str, visitor: str, enter: Callable[..., Client]
) -> None:
    member, guest, nobody = ACCOUNT_PAGES[path]
    path = re.sub(r"\^(.*?)\(\?P.*", r"\1x-made-up/", re.sub(r"<\w+:\w+>", "1", path))

    answer = enter(visitor).get(f"/accounts/{path}")

    assert answer.status_code == {"guest": guest, "nobody": nobody}.get(visitor, member)
    assert "alice@" not in answer.content.decode()


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
    for path in _paths(get_resolver()):
        if path.startswith(("accounts/", "admin/")):
            continue
        # The refusal of a method that nobody offers names those that are.
        answer = Client().generic("PROPFIND", "/" + re.sub(r"<\w+:\w+>", str(uuid4()), path))
        for method in set(answer.get("Allow", "GET").split(", ")) - {"HEAD"}:
            yield f"{method} /" + re.sub(r"<\w+:(\w+)>", r"{\1}", path)


def _paths(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _paths(pattern, path)
        elif pattern.name != "api-root":  # ninja's name for the place itself; it leads to a 404
            yield path


def _review(of: Accepted) -> UUID:
    return Review.objects.get(message=of.reply_id).id


def _second(of: Accepted) -> UUID:
    """The other reply to the same question; for an id that is nobody's, another such id."""
    return (
        Message.objects.filter(parent=of.message_id).exclude(pk=of.reply_id).values_list("id", flat=True).first()
        or uuid4()
    )
