"""API keys: by which programs act for a person. A key is shown once, and afterwards known by its hash alone."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from uuid_utils.compat import uuid7

from assistant.accounts.models import ApiKey, Person
from assistant.audit import chain
from assistant.errors import AssistantError

MAX_KEYS = 20
MAX_NAME_CHARS = 100
# By which people, and programs that look for secrets in files, know what it is.
MARK = "parley_"
PREFIX_CHARS = len(MARK) + 6
# How exact "last used" is; in between, a request costs no write.
NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def create(person_id: UUID, name: str, *, by: UUID | None) -> str:
    """Return a new key of this person, which cannot be shown again; `by` None is the installation itself. Raises
    api_key.no_name, api_key.too_many."""
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME_CHARS:
        raise AssistantError("api_key.no_name", limit=MAX_NAME_CHARS)
    person = Person.objects.select_for_update().get(pk=person_id)
    if person.api_keys.count() >= MAX_KEYS:
        raise AssistantError("api_key.too_many", limit=MAX_KEYS)
    key = MARK + secrets.token_urlsafe(32)
    row = ApiKey.objects.create(person=person, name=name, prefix=key[:PREFIX_CHARS], sha256=_sha256_of(key))
    chain.record(by, "api_key.create", "api_key", row.id, after={"prefix": row.prefix})
    return key


@transaction.atomic
def revoke(key_id: UUID, *, by: UUID | None, of: UUID | None = None) -> None:
    """From the next request on the key opens nothing. `of`: only if it is this person's. Raises api_key.not_found."""
    keys = ApiKey.objects.filter(pk=key_id)
    row = (keys if of is None else keys.filter(person_id=of)).first()
    if row is None:
        raise AssistantError("api_key.not_found")
    row.delete()
    chain.record(by, "api_key.revoke", "api_key", key_id, before={"prefix": row.prefix})


def keys_of(person_id: UUID) -> list[ApiKey]:
    """At most MAX_KEYS, the newest first."""
    return list(ApiKey.objects.filter(person_id=person_id).order_by("-id"))


def key_named(beginning: str) -> ApiKey:
    """The one whose shown letters begin so. Raises api_key.not_found, api_key.ambiguous."""
    found = list(ApiKey.objects.filter(prefix__startswith=beginning)[:2])
    if not found:
        raise AssistantError("api_key.not_found")
    if len(found) > 1:
        raise AssistantError("api_key.ambiguous")
    return found[0]


def person_with(key: str) -> Person | None:
    """Whom a program that shows this key acts for; None where it is no key, or its person is shut out."""
    row = ApiKey.objects.select_related("person").filter(sha256=_sha256_of(key), person__is_active=True).first()
    if row is None:
        return None
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at > NOTED_EVERY:
        ApiKey.objects.filter(pk=row.pk).update(last_used_at=now)
    return row.person


def program_named(name: str) -> Person:
    """The account of a program that acts for nobody: the same for the same name, and no way to sign in to it."""
    # The colon keeps people out: no account that anybody signs up for is given a name with one in it.
    username = f"program:{slugify(name, allow_unicode=True)}"[:150]
    program = Person.objects.filter(username=username).first()
    if program is None:
        program = Person(id=uuid7(), username=username, name=name)
        program.set_unusable_password()
        program.save(force_insert=True)
    return program


def _sha256_of(key: str) -> str:
    """A key has 256 random bits: nobody finds it by trying, so it needs no slow hash as passwords do."""
    return hashlib.sha256(key.encode()).hexdigest()
