"""Writes about people: guests come without asking, and their conversations follow them into an account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from uuid_utils.compat import uuid7

from assistant import limits
from assistant.accounts.models import ConsentChange, Person
from assistant.audit import chain


def ensure_person(request: HttpRequest) -> Person:
    """Return who is asking; a visitor nobody knows becomes a guest with a session of their own. Raises rate.limited."""
    if isinstance(request.user, Person):
        return request.user
    limits.spend_guest(limits.network_of(request.META.get("REMOTE_ADDR")))
    guest = Person(id=uuid7(), is_guest=True)
    guest.username = f"guest-{guest.id}"
    guest.set_unusable_password()
    guest.save(force_insert=True)
    login(request, guest, backend="django.contrib.auth.backends.ModelBackend")
    return guest


def set_preferences(person_id: UUID, preferences: dict[str, Any]) -> None:
    """Store how the pages look for a person; what may stand there is the pages' business."""
    Person.objects.filter(pk=person_id).update(preferences=preferences)


def rename(person_id: UUID, name: str) -> None:
    """Store what a person wants to be called; nothing is fine."""
    Person.objects.filter(pk=person_id).update(name=" ".join(name.split()))


@transaction.atomic
def set_training_consent(person_id: UUID, *, is_given: bool) -> None:
    """Allow one's conversations to be used for training, or take that back; the same answer again changes nothing."""
    person = Person.objects.select_for_update().get(pk=person_id)
    if is_given == (person.training_consent_at is not None):
        return
    now = timezone.now()
    person.training_consent_at = now if is_given else None
    person.save(update_fields=["training_consent_at"])
    ConsentChange.objects.create(person=person, is_given=is_given, at=now)


@transaction.atomic
def adopt_guest(guest: Person, person: Person) -> None:
    """Give everything of a guest to the person who has just signed in, and forget the guest."""
    # A message of the guest being stored right now is waited for; unseen, it would go with the row of the guest.
    if Person.objects.select_for_update().filter(pk=guest.pk).first() is None:
        return  # another tab has just signed in
    # The layers above hold what a person owns; they are reached by name, so that this layer needs none of them.
    conversations, feedback, comparisons, folders, messages, search_texts = (
        apps.get_model("assistant", name).objects
        for name in ("Conversation", "Feedback", "Comparison", "Folder", "Message", "SearchText")
    )
    taken = messages.filter(author=person, client_message_id__isnull=False)
    own = messages.filter(author=guest)
    # A hostile guest may have chosen the account's own ids; the constraint must not turn the sign-in away.
    own.filter(client_message_id__in=taken.values("client_message_id")).update(client_message_id=None)
    own.update(author=person)
    for folder in folders.filter(owner=guest):
        same = folders.filter(owner=person, name=folder.name).first()
        if same is None:
            folders.filter(pk=folder.pk).update(owner=person)
        else:
            conversations.filter(folder=folder).update(folder=same)
    # What both have imported stays twice; only one of the two is known by its file from now on.
    imported = conversations.filter(owner=person, import_key__isnull=False)
    conversations.filter(owner=guest, import_key__in=imported.values("import_key")).update(import_key=None)
    conversations.filter(owner=guest).update(owner=person)
    search_texts.filter(owner=guest).update(owner=person)
    feedback.filter(person=guest).exclude(message__in=feedback.filter(person=person).values("message")).update(
        person=person
    )
    if not person.preferences and guest.preferences:
        set_preferences(person.id, guest.preferences)
    if not person.name and guest.name:
        rename(person.id, guest.name)
    # Consent is not taken along: what the guest allowed, the account may have refused.
    comparisons.filter(person=guest).update(person=person)
    for name, field in (("FeedbackEvent", "rater"), ("Review", "person"), ("Example", "person")):
        apps.get_model("assistant", name).objects.filter(**{field: guest}).update(**{field: person})
    guest.delete()


@transaction.atomic
def set_role(person: Person, role: Person.Role) -> None:
    """Let somebody review, decide, or neither; by whoever runs the installation."""
    chain.record(None, "person.role_changed", "person", person.pk, before={"role": person.role}, after={"role": role})
    person.role = role
    person.save(update_fields=["role"])
