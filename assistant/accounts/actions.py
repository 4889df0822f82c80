"""Writes about people: guests come without asking, and their conversations follow them into an account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest
from uuid_utils.compat import uuid7

from assistant.accounts.models import Person


def ensure_person(request: HttpRequest) -> Person:
    """Return who is asking; a visitor nobody knows becomes a guest with a session of their own."""
    if isinstance(request.user, Person):
        return request.user
    guest = Person(id=uuid7(), is_guest=True)
    guest.username = f"guest-{guest.id}"
    guest.set_unusable_password()
    guest.save(force_insert=True)
    login(request, guest, backend="django.contrib.auth.backends.ModelBackend")
    return guest


def set_preferences(person_id: UUID, preferences: dict[str, Any]) -> None:
    """Store how the pages look for a person; what may stand there is the pages' business."""
    Person.objects.filter(pk=person_id).update(preferences=preferences)


@transaction.atomic
def adopt_guest(guest: Person, person: Person) -> None:
    """Give everything of a guest to the person who has just signed in, and forget the guest."""
    # A message of the guest being stored right now is waited for; unseen, it would go with the row of the guest.
    if Person.objects.select_for_update().filter(pk=guest.pk).first() is None:
        return  # another tab has just signed in
    # The layers above hold what a person owns; they are reached by name, so that this layer needs none of them.
    conversations, feedback, messages = (
        apps.get_model("assistant", name).objects for name in ("Conversation", "Feedback", "Message")
    )
    taken = messages.filter(author=person, client_message_id__isnull=False)
    own = messages.filter(author=guest)
    # A hostile guest may have chosen the account's own ids; the constraint must not turn the sign-in away.
    own.filter(client_message_id__in=taken.values("client_message_id")).update(client_message_id=None)
    own.update(author=person)
    # What both have imported stays twice; only one of the two is known by its file from now on.
    imported = conversations.filter(owner=person, import_key__isnull=False)
    conversations.filter(owner=guest, import_key__in=imported.values("import_key")).update(import_key=None)
    conversations.filter(owner=guest).update(owner=person)
    feedback.filter(person=guest).exclude(message__in=feedback.filter(person=person).values("message")).update(
        person=person
    )
    guest.delete()
