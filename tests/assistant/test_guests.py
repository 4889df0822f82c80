"""A guest who signs in loses nothing, not even what is being sent at that very moment."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from assistant.accounts.actions import adopt_guest
from assistant.models import Message, Person
from tests.conftest import ask


@pytest.mark.django_db(transaction=True)
def test_a_message_sent_during_the_sign_in_comes_along(alice: Person) -> None:
    guest = Person.objects.create(username="guest", is_guest=True)
    is_stored = threading.Event()
    may_commit = threading.Event()

    def send() -> None:
        with transaction.atomic():
            ask(guest, "Sent while signing in")
            is_stored.set()
            may_commit.wait(5)
        connection.close()

    sending = threading.Thread(target=send)
    sending.start()
    assert is_stored.wait(5)
    threading.Timer(0.3, may_commit.set).start()
    adopt_guest(guest, alice)
    sending.join(5)

    assert Message.objects.get(role="user").author == alice
    assert not Person.objects.filter(pk=guest.pk).exists()


@pytest.mark.django_db
def test_adopting_twice_changes_nothing(alice: Person) -> None:
    guest = Person.objects.create(username="guest", is_guest=True)
    ask(guest, "Once")

    adopt_guest(guest, alice)
    adopt_guest(guest, alice)

    assert Message.objects.filter(author=alice).count() == 1
