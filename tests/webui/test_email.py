"""An e-mail address changes when the owner of the new one says so, and never before."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from assistant.models import Person
from tests.webui.members import PASSWORD, browser_of, new_member, person_at, prove, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> Person:
    return new_member()


@pytest.fixture
def client(member: Person) -> Client:
    client = browser_of(member)
    prove(client)
    return client


def ask(client: Client, email: str):
    return client.post("/settings/email/", {"email": email}, follow=True)


def link() -> str:
    found = re.search(r"http://testserver(/settings/email/confirm/\S+)", mail.outbox[-1].body)
    assert found
    return found[1]


def test_the_link_in_the_mail_changes_the_address(client: Client, member: Person) -> None:
    page = ask(client, "New@example.org").content.decode()

    assert "We have written to new@example.org." in page
    assert mail.outbox[-1].to == ["new@example.org"]
    assert client.get(link()).status_code == 200
    assert person_at(client).email == "dora@example.org"
    assert client.post(link())["Location"] == "/settings/"
    assert person_at(client).email == "new@example.org"
    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [("new@example.org", True, True)]


def test_until_then_the_new_address_opens_nothing(client: Client) -> None:
    ask(client, "typo@example.org")

    assert sign_in(Client(), "typo@example.org").status_code == 200
    Client().post("/accounts/password/reset/", {"email": "typo@example.org"})
    assert "/password/reset/key/" not in mail.outbox[-1].body
    assert sign_in(Client(), "dora@example.org").status_code == 302


def test_the_link_works_wherever_it_is_opened_and_signs_nobody_in_or_out(client: Client) -> None:
    ask(client, "new@example.org")
    guest = Client()
    guest.get("/")
    before = person_at(guest)

    guest.post(link())

    assert person_at(guest) == before
    assert person_at(client).email == "new@example.org"


def test_the_link_works_once(client: Client) -> None:
    ask(client, "new@example.org")
    first = link()
    client.post(first)
    ask(client, "newer@example.org")
    client.post(link())

    assert client.post(first).status_code == 400
    assert person_at(client).email == "newer@example.org"


def test_a_link_that_was_tampered_with_does_nothing(client: Client) -> None:
    ask(client, "new@example.org")

    page = client.post(link().rstrip("/") + "x/")

    assert page.status_code == 400
    assert "This link no longer works." in page.content.decode()
    assert person_at(client).email == "dora@example.org"


def test_the_address_of_another_is_not_written_to_and_looks_the_same(client: Client) -> None:
    new_member("emil")

    page = ask(client, "emil@example.org").content.decode()

    assert "We have written to emil@example.org." in page
    assert mail.outbox == []


def test_an_address_that_was_taken_meanwhile_stays_with_whom_has_it(client: Client) -> None:
    ask(client, "emil@example.org")
    new_member("emil")

    assert client.post(link()).status_code == 409
    assert person_at(client).email == "dora@example.org"


def test_an_address_can_be_confirmed_without_changing_it(client: Client) -> None:
    EmailAddress.objects.update(verified=False)
    assert "not confirmed" in client.get("/settings/").content.decode()

    ask(client, "dora@example.org")
    client.post(link())

    assert "not confirmed" not in client.get("/settings/").content.decode()


def test_an_address_is_changed_by_who_knows_the_password_alone(member: Person) -> None:
    client = browser_of(member)

    answer = client.post("/settings/email/", {"email": "new@example.org"})

    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert mail.outbox == []
    # The form that was interrupted is sent on.
    client.post(answer["Location"], {"password": PASSWORD})
    assert mail.outbox[-1].to == ["new@example.org"]


def test_a_guest_has_no_address(db: None) -> None:
    client = Client()
    client.get("/")

    assert client.post("/settings/email/", {"email": "new@example.org"})["Location"] == "/accounts/signup/"


def test_mails_speak_in_the_name_of_the_product(client: Client) -> None:
    Client().post("/accounts/password/reset/", {"email": "dora@example.org"})

    letter = mail.outbox[-1]
    assert letter.subject == "[Parley] Password Reset Email"
    assert letter.body.startswith("Hello from Parley!")
    assert "http://testserver/accounts/password/reset/key/" in letter.body
