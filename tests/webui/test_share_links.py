"""What a link shows, to whom, and when it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client

from assistant.chat import organizing
from assistant.chat.actions import Accepted
from assistant.models import Conversation, Generation, Message, Person, ShareLink
from assistant.sharing import actions, queries
from tests.assistant.rows import finish
from tests.conftest import ask

BACKEND = "django.contrib.auth.backends.ModelBackend"
ANYONE, MEMBERS = ShareLink.Audience.ANYONE, ShareLink.Audience.MEMBERS


def client_of(person: Person) -> Client:
    client = Client()
    client.force_login(person, BACKEND)
    return client


@pytest.fixture
def client(alice: Person) -> Client:
    return client_of(alice)


@pytest.fixture
def talk(alice: Person) -> Accepted:
    accepted = ask(alice, "What is a tide?")
    finish(accepted, "The sea rises.")
    return accepted


def address(person: Person, talk: Accepted, audience: ShareLink.Audience = ANYONE) -> str:
    return f"/s/{actions.share(person.id, talk.conversation_id, audience).token}/"


def go_on(person: Person, talk: Accepted) -> None:
    finish(ask(person, "Later words", conversation_id=talk.conversation_id, parent_id=talk.reply_id), "Later still")


# The address


def test_a_link_is_made_changed_and_taken_back(alice: Person, client: Client, talk: Accepted) -> None:
    path = f"/api/conversations/{talk.conversation_id}/share"

    assert client.get(path).json() == {"link": None}
    made = client.put(path, {"audience": "members"}, "application/json").json()["link"]
    assert (made["audience"], len(made["path"])) == ("members", len("/s//") + 32)
    changed = client.patch(path, {"audience": "anyone"}, "application/json").json()["link"]
    assert changed == {**made, "audience": "anyone"}
    assert client.get(path).json()["link"] == changed
    assert client.delete(path).status_code == 204
    assert client.get(path).json() == {"link": None}
    assert Client().get(made["path"]).status_code == 404


def test_an_audience_nobody_knows_is_refused(client: Client, talk: Accepted) -> None:
    answer = client.put(f"/api/conversations/{talk.conversation_id}/share", {"audience": "world"}, "application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")
    assert not ShareLink.objects.exists()


def test_what_is_not_shared_cannot_be_shown_to_others(client: Client, talk: Accepted) -> None:
    answer = client.patch(
        f"/api/conversations/{talk.conversation_id}/share", {"audience": "anyone"}, "application/json"
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "share.not_found")


def test_links_cannot_be_guessed_one_from_another(alice: Person) -> None:
    tokens = set()
    for number in range(20):
        tokens.add(address(alice, ask(alice, f"Number {number}")))

    assert len({token[:8] for token in tokens}) == 20


# What is shown


def test_anyone_reads_the_conversation_and_nothing_about_the_person(alice: Person, talk: Accepted) -> None:
    answer = Client().get(address(alice, talk))

    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.index("What is a tide?") < page.index("The sea rises.")
    for known in (alice.email, alice.username, str(alice.id), str(talk.conversation_id), str(talk.message_id)):
        assert known not in page
    assert answer["X-Robots-Tag"] == "noindex"
    assert "no-store" in answer["Cache-Control"]
    assert not Person.objects.exclude(pk=alice.pk).exists()


def test_a_snapshot_stays_until_the_link_is_updated(alice: Person, talk: Accepted) -> None:
    link = address(alice, talk)
    go_on(alice, talk)
    organizing.organize(alice.id, talk.conversation_id, title="Another title")

    before = Client().get(link).content.decode()
    assert address(alice, talk) == link
    after = Client().get(link).content.decode()

    assert "Later words" not in before
    assert "Another title" not in before
    assert "Later words" in after
    assert "Another title" in after


def test_only_the_visible_branch_is_shown(alice: Person, talk: Accepted) -> None:
    finish(ask(alice, "Edited", conversation_id=talk.conversation_id), "Another answer")

    page = Client().get(address(alice, talk)).content.decode()

    assert "Edited" in page
    assert "The sea rises." not in page


def test_what_the_model_was_told_beforehand_is_not_shown(alice: Person, talk: Accepted) -> None:
    system = Message.objects.create(conversation_id=talk.conversation_id, role="system", text="Be a pirate.")
    Message.objects.filter(pk=talk.message_id).update(parent=system)

    assert "pirate" not in Client().get(address(alice, talk)).content.decode()


def test_hostile_text_stays_text(alice: Person) -> None:
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    accepted = ask(alice, hostile)
    finish(accepted, hostile)

    page = Client().get(address(alice, accepted)).content.decode()

    assert "<script>alert" not in page
    assert "<img" not in page


# For whom


def test_members_read_what_is_for_members(alice: Person, charlie: Person, talk: Accepted) -> None:
    assert client_of(charlie).get(address(alice, talk, MEMBERS)).status_code == 200


@pytest.mark.parametrize("who", ["stranger", "guest"])
def test_others_are_asked_to_sign_in(alice: Person, talk: Accepted, who: str) -> None:
    link = address(alice, talk, MEMBERS)
    guest = Person.objects.create(username="guest-1", is_guest=True)
    visitor = Client() if who == "stranger" else client_of(guest)

    for answer in (visitor.get(link), visitor.post(f"{link}copy/")):
        assert answer.status_code == 302
        assert answer["Location"] == f"/accounts/login/?next={link}"
    assert Conversation.objects.count() == 1


def test_a_wrong_address_is_not_found(db: None) -> None:
    answer = Client().get("/s/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/")

    assert answer.status_code == 404
    assert not Person.objects.exists()
    assert Client().post("/s/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/copy/").status_code == 404
    assert not Person.objects.exists()


# Its end


def test_a_deleted_conversation_takes_its_link_along_and_brings_it_back(alice: Person, talk: Accepted) -> None:
    link = address(alice, talk)

    organizing.delete(alice.id, talk.conversation_id)
    assert Client().get(link).status_code == 404
    assert queries.links_of(alice.id).items == []
    organizing.restore(alice.id, talk.conversation_id)
    assert Client().get(link).status_code == 200
    Conversation.objects.update(deleted_at=Now() - timedelta(days=1))
    organizing.erase_deleted()
    assert not ShareLink.objects.exists()


def test_the_links_of_a_person_end_with_the_person(alice: Person, talk: Accepted) -> None:
    link = address(alice, talk)

    Person.objects.update(is_active=False)
    assert Client().get(link).status_code == 404
    Person.objects.update(is_active=True)
    alice.delete()
    assert Client().get(link).status_code == 404


# Going on from it


def test_a_stranger_continues_as_a_copy_of_their_own(alice: Person, talk: Accepted) -> None:
    go_on(alice, talk)
    link, visitor = address(alice, talk), Client()

    answer = visitor.post(f"{link}copy/", follow=True)

    assert answer.status_code == 200
    copy = Conversation.objects.exclude(owner=alice).get()
    assert copy.owner.is_guest
    assert (copy.title, copy.forked_from) == ("↳ What is a tide?", None)
    own = visitor.get(f"/api/conversations/{copy.id}/messages").json()["items"]
    assert [item["text"] for item in own] == ["What is a tide?", "The sea rises.", "Later words", "Later still"]
    assert {message.author_id for message in copy.messages.all()} == {copy.owner_id, None}
    assert not Generation.objects.filter(conversation=copy).exists()


def test_a_copy_needs_the_token_of_the_page(alice: Person, talk: Accepted) -> None:
    visitor = Client(enforce_csrf_checks=True)

    assert visitor.post(f"{address(alice, talk)}copy/").status_code == 403


def test_the_copy_stays_when_the_link_is_taken_back(alice: Person, talk: Accepted, charlie: Person) -> None:
    visitor = client_of(charlie)
    visitor.post(f"{address(alice, talk)}copy/")

    actions.revoke(alice.id, talk.conversation_id)

    assert len(visitor.get("/api/conversations").json()["items"]) == 1


# The list


def test_the_list_holds_all_links_page_by_page(alice: Person, charlie: Person) -> None:
    for number in range(5):
        actions.share(alice.id, ask(alice, f"Number {number}").conversation_id, ANYONE)
    actions.share(charlie.id, ask(charlie, "Not yours").conversation_id, ANYONE)

    titles, cursor = [], None
    while True:
        page = queries.links_of(alice.id, cursor, limit=2)
        titles += [item.title for item in page.items]
        if (cursor := page.next_cursor) is None:
            break

    assert titles == [f"Number {number}" for number in (4, 3, 2, 1, 0)]


def test_the_page_of_links_shows_ones_own(alice: Person, client: Client, charlie: Person, talk: Accepted) -> None:
    link = address(alice, talk)

    assert link in client.get("/data/links/").content.decode()
    assert link not in client_of(charlie).get("/data/links/").content.decode()
    assert client.get("/data/links/?cursor=nonsense").status_code == 400
    assert Client().get("/data/links/").status_code == 302
