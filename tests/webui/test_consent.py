"""Nothing is allowed before a person allows it; what they decided, and when, is kept."""

from __future__ import annotations

import pytest
from django.test import Client

from assistant.models import ConsentChange, Person
from tests.webui.members import browser_of, new_member, person_at, sign_in

pytestmark = pytest.mark.django_db


def decide(client: Client, decision: str) -> str:
    return client.post("/settings/privacy/consent/", {"consent": decision}, follow=True).content.decode()


def history(person: Person) -> list[bool]:
    return list(ConsentChange.objects.filter(person=person).order_by("at").values_list("is_given", flat=True))


def test_nobody_has_consented_before_they_did() -> None:
    client = browser_of(new_member())

    assert "Not allowed" in client.get("/settings/privacy/").content.decode()
    assert person_at(client).training_consent_at is None


def test_consent_is_kept_with_its_time_and_can_be_taken_back() -> None:
    client = browser_of(new_member())

    assert "Allowed since" in decide(client, "given")
    given = person_at(client)
    assert given.training_consent_at == ConsentChange.objects.get().at
    assert "Not allowed" in decide(client, "withdrawn")

    assert person_at(client).training_consent_at is None
    assert history(given) == [True, False]


def test_the_same_answer_twice_is_one_answer() -> None:
    client = browser_of(new_member())

    decide(client, "given")
    first = person_at(client).training_consent_at
    decide(client, "given")

    assert person_at(client).training_consent_at == first
    assert history(person_at(client)) == [True]


@pytest.mark.parametrize("word", ["", "on", "yes", "GIVEN"])
def test_only_the_very_word_is_consent(word: str) -> None:
    client = browser_of(new_member())

    decide(client, word)

    assert person_at(client).training_consent_at is None


def test_a_guest_decides_too_and_the_account_is_not_bound_by_it() -> None:
    member = new_member()
    client = Client()
    client.get("/")
    decide(client, "given")
    assert person_at(client).training_consent_at

    sign_in(client)

    member.refresh_from_db()
    assert person_at(client) == member
    assert member.training_consent_at is None
    assert history(member) == []
