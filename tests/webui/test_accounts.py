"""Signing up and signing in keep what a guest had; nobody gets what is another's."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest
from django.core import mail
from django.test import Client

from assistant.accounts.models import Person
from assistant.chat import actions
from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.feedback import comparisons
from assistant.models import Comparison, Conversation, Feedback, Message
from tests.assistant.rows import finish
from tests.conftest import ask

PASSWORD = "quiet-Harbour-42"

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    """A browser whose visitor has opened the page and is a guest since."""
    client = Client()
    assert client.get("/").status_code == 200
    return client


@pytest.fixture
def guest(browser: Client) -> Person:
    return Person.objects.get(is_guest=True)


@pytest.fixture
def member(db: None) -> Person:
    """Somebody with an account."""
    return Person.objects.create_user("member", "member@example.org", PASSWORD)


def sign_up(client: Client, email: str = "new@example.org", password: str = PASSWORD, **more: str):
    return client.post("/accounts/signup/", {"email": email, "password1": password, **more})


def sign_in(client: Client, email: str = "member@example.org", password: str = PASSWORD, **more: str):
    return client.post("/accounts/login/", {"login": email, "password": password, **more})


def titles(client: Client) -> list[str]:
    return [item["title"] for item in client.get("/api/conversations").json()["items"]]


def person_of(client: Client) -> Person:
    return Person.objects.get(pk=client.session["_auth_user_id"])


@pytest.mark.parametrize("path", ["login", "signup", "password/reset"])
def test_a_guest_reaches_the_account_pages(browser: Client, path: str) -> None:
    page = browser.get(f"/accounts/{path}/")

    assert page.status_code == 200
    assert "account/base.html" in [template.name for template in page.templates]


def test_a_guest_who_wants_to_change_the_password_is_led_to_the_sign_up(browser: Client) -> None:
    assert browser.get("/accounts/password/change/").headers["Location"] == "/accounts/signup/"


@pytest.mark.parametrize("path", ["email", "confirm-email", "login/code/confirm", "sessions", "2fa/trust"])
def test_what_has_no_page_of_ours_has_no_address(browser: Client, path: str) -> None:
    assert browser.get(f"/accounts/{path}/").status_code == 404


def test_signing_up_keeps_a_guests_conversations(browser: Client, guest: Person) -> None:
    ask(guest, "Where do rivers end?")

    answer = sign_up(browser)

    assert (answer.status_code, answer["Location"]) == (302, "/")
    person = person_of(browser)
    assert (person.email, person.is_guest) == ("new@example.org", False)
    assert titles(browser) == ["Where do rivers end?"]
    assert Message.objects.get(role="user").author == person
    assert not Person.objects.filter(pk=guest.pk).exists()


def test_signing_in_adds_a_guests_conversations_to_those_of_the_account(
    browser: Client, guest: Person, member: Person
) -> None:
    ask(member, "From the account")
    ask(guest, "From the guest")

    sign_in(browser)

    assert person_of(browser) == member
    assert titles(browser) == ["From the guest", "From the account"]
    assert not Person.objects.filter(is_guest=True).exists()


def test_signing_in_leads_to_where_the_guest_was(browser: Client, guest: Person, member: Person) -> None:
    here = f"/c/{ask(guest).conversation_id}/"

    assert sign_in(browser, next=here)["Location"] == here
    assert browser.get(here).status_code == 200


def test_signing_in_leads_to_no_other_site(browser: Client, member: Person) -> None:
    assert sign_in(browser, next="https://elsewhere.example/")["Location"] == "/"


def test_a_guests_ratings_move_along(browser: Client, guest: Person, member: Person) -> None:
    asked = ask(guest)
    finish(asked, "Hi")
    feedback.give(guest.id, asked.reply_id, Feedback.Rating.UP)

    sign_in(browser)

    [rating] = Feedback.objects.all()
    assert (rating.person, rating.rating) == (member, "up")


def test_a_guests_votes_move_along(browser: Client, guest: Person, member: Person) -> None:
    asked = ask(guest)
    finish(asked, "Hi")
    again = actions.regenerate(guest.id, asked.reply_id)
    finish(again, "Hello")
    comparisons.vote(guest.id, asked.reply_id, again.reply_id, Comparison.Verdict.RIGHT)

    sign_in(browser)

    assert comparisons.verdict_on(member.id, asked.reply_id, again.reply_id) == "right"


def test_a_guest_who_used_an_id_of_the_account_can_still_sign_in(
    browser: Client, guest: Person, member: Person
) -> None:
    client_message_id = uuid4()
    of_member = _send(member, client_message_id, "From the account")
    of_guest = _send(guest, client_message_id, "From the guest")

    sign_in(browser)

    assert titles(browser) == ["From the guest", "From the account"]
    ids = dict(Message.objects.filter(role="user").values_list("id", "client_message_id"))
    assert ids == {of_member.message_id: client_message_id, of_guest.message_id: None}


def test_what_another_person_has_stays_theirs(browser: Client, guest: Person, member: Person, alice: Person) -> None:
    ask(guest)
    of_alice = ask(alice, "Mine alone")

    sign_in(browser)

    assert Conversation.objects.get(owner=alice).id == of_alice.conversation_id
    assert browser.get(f"/c/{of_alice.conversation_id}/").status_code == 404
    assert titles(browser) == ["Hello"]


def test_a_wrong_password_leaves_the_guest_as_they_were(browser: Client, guest: Person, member: Person) -> None:
    ask(guest)

    page = sign_in(browser, password="wrong")

    assert page.status_code == 200
    assert page.context["form"].non_field_errors()
    assert person_of(browser) == guest
    assert titles(browser) == ["Hello"]


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("member@example.org", PASSWORD, "email"),
        ("no address", PASSWORD, "email"),
        ("new@example.org", "short", "password1"),
        ("new@example.org", "password123", "password1"),
    ],
)
def test_a_sign_up_that_cannot_be_is_told_why(
    browser: Client, guest: Person, member: Person, email: str, password: str, field: str
) -> None:
    page = sign_up(browser, email, password)

    assert page.status_code == 200
    assert page.context["form"].errors.get(field)
    assert person_of(browser) == guest
    assert Person.objects.count() == 2


def test_signing_out_leaves_nothing_in_the_browser(browser: Client, guest: Person) -> None:
    here = f"/c/{ask(guest).conversation_id}/"
    sign_up(browser)

    browser.post("/accounts/logout/")

    assert browser.get(here).status_code == 404
    assert titles(browser) == []


def test_signing_out_takes_a_button_and_not_a_link(browser: Client) -> None:
    sign_up(browser)

    assert browser.get("/accounts/logout/").status_code == 200
    assert person_of(browser).email == "new@example.org"


def test_a_person_signed_in_as_another_account_takes_nothing_of_the_first_along(
    browser: Client, member: Person
) -> None:
    sign_up(browser)
    first = person_of(browser)
    ask(first, "Of the first account")

    sign_in(browser)

    assert titles(browser) == []
    assert Conversation.objects.get().owner == first


def test_a_forgotten_password_is_replaced_through_a_mailed_link_and_the_guest_keeps_everything(
    browser: Client, guest: Person, member: Person
) -> None:
    ask(guest, "From the guest")

    assert browser.post("/accounts/password/reset/", {"email": member.email})["Location"].endswith("/reset/done/")
    [letter] = mail.outbox
    assert letter.to == [member.email]
    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", letter.body)
    assert link
    form = browser.get(link[1], follow=True)
    assert form.status_code == 200
    saved = browser.post(form.request["PATH_INFO"], {"password1": "calm-Harbour-43", "password2": "calm-Harbour-43"})
    assert saved.status_code == 302
    sign_in(browser, password="calm-Harbour-43")

    assert person_of(browser) == member
    assert titles(browser) == ["From the guest"]


def test_a_reset_link_works_once(browser: Client, member: Person) -> None:
    browser.post("/accounts/password/reset/", {"email": member.email})
    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", mail.outbox[0].body)
    assert link
    member.set_password("changed-Since-44")
    member.save()

    page = browser.get(link[1], follow=True)

    assert page.context["token_fail"]


def test_an_address_without_an_account_is_answered_like_one_with(browser: Client) -> None:
    answer = browser.post("/accounts/password/reset/", {"email": "nobody@example.org"})

    assert answer["Location"].endswith("/reset/done/")
    assert [letter.to for letter in mail.outbox] == [["nobody@example.org"]]


def _send(person: Person, client_message_id: UUID, text: str) -> Accepted:
    return actions.send_message(
        person.id, client_message_id=client_message_id, conversation_id=None, parent_id=None, text=text
    )
