"""Hears that a session has ended or a person was shut out, wherever that was done, and tells their open sockets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from assistant.accounts.models import Person
from assistant.chat import stream

# What decides whether a person's sessions hold.
DECISIVE = {"password", "is_active"}


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **kwargs: Any) -> None:
    # Django's own user_logged_out is sent while the session still holds.
    if person_id := instance.get_decoded().get(SESSION_KEY):
        _tell(UUID(person_id))


@receiver(post_save, sender=Person)
def person_changed(instance: Person, created: bool, update_fields: frozenset[str] | None, **kwargs: Any) -> None:
    if not created and (update_fields is None or DECISIVE & update_fields):
        _tell(instance.pk)


@receiver(post_delete, sender=Person)
def person_deleted(instance: Person, **kwargs: Any) -> None:
    _tell(instance.pk)


def _tell(person_id: UUID) -> None:
    transaction.on_commit(lambda: stream.hint_sign_out(person_id))
