"""Reads about people."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import Subquery
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from assistant.accounts.models import Person


def is_signed_in(person_id: UUID, session_key: str) -> bool:
    """Whether this session is still theirs: not ended or expired, nor from before they changed their password or were
    shut out. One query, since every open socket asks it all the time."""
    alive = Session.objects.filter(pk=session_key, expire_date__gt=Now())
    person = (
        Person.objects.filter(pk=person_id, is_active=True)
        .annotate(session_data=Subquery(alive.values("session_data")))
        .first()
    )
    if person is None or person.session_data is None:
        return False
    session = SessionStore().decode(person.session_data)
    return session.get(SESSION_KEY) == str(person_id) and constant_time_compare(
        session.get(HASH_SESSION_KEY, ""), person.get_session_auth_hash()
    )
