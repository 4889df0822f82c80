"""Who comes to the product in the tests of access, and what of alice's they must not read or change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from assistant.chat import actions
from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.models import (
    AuditEvent,
    Comparison,
    Conversation,
    Feedback,
    Folder,
    Generation,
    Message,
    Person,
    RegressionCase,
    Review,
    ShareLink,
)
from assistant.sharing import actions as sharing
from tests.assistant.rows import finish

VISITORS = ["bob", "charlie", "guest", "nobody"]
KEPT = (
    *(Conversation, Folder, Message, Generation, Feedback, Comparison, ShareLink),
    *(Review, RegressionCase, AuditEvent),
)


def everything() -> list[list[dict[str, object]]]:
    """All that charlie might have changed."""
    return [list(model.objects.order_by("pk").values()) for model in KEPT]


@pytest.fixture
def of_alice(asked: Accepted, alice: Person) -> Accepted:
    """A conversation of alice's with a rated reply and another beside it, shared with members, in a folder that, for
    these tests' sake, has the same id."""
    finish(asked, "Hello, alice.")
    finish(actions.regenerate(alice.id, asked.reply_id), "Hello again, alice.")
    sharing.share(alice.id, asked.conversation_id, ShareLink.Audience.MEMBERS)
    folder = Folder.objects.create(id=asked.conversation_id, owner=alice, name="Hello")
    Conversation.objects.update(folder=folder)
    feedback.give(alice.id, asked.reply_id, Feedback.Rating.UP)
    return asked


@pytest.fixture
def guest(db: None) -> Person:
    return Person.objects.create(username="guest", is_guest=True)


@pytest.fixture
def enter(alice: Person, bob: Person, charlie: Person, guest: Person) -> Callable[..., Client]:
    """The browser of somebody, by name."""
    people = {"alice": alice, "bob": bob, "charlie": charlie, "guest": guest}

    def client_of(name: str, **options: Any) -> Client:
        client = Client(**options)
        if name != "nobody":
            client.force_login(people[name], "django.contrib.auth.backends.ModelBackend")
        return client

    return client_of
