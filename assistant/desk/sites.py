"""Writes about sites, by administrators; each stands in the audit chain, secrets never do."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from assistant.audit import chain
from assistant.desk.models import Site, Team
from assistant.desk.sealing import seal
from assistant.desk.site_settings import SiteSettings, normal_origin
from assistant.errors import AssistantError

MAX_ORIGINS = 50
# So long identities that were signed with the secret before are still taken: servers are changed one by one.
OLD_SECRET_HOLDS = timedelta(hours=24)

PLAIN = (
    *("name", "team_id", "is_enabled", "asks_training_consent", "has_offline_form", "is_identity_required"),
    *("model_choice", "system_message", "retention_days"),
)
PARTS = ("theme", "texts", "hours", "time_zone", "pre_chat", "handoff_rules")


def site_of(site_id: UUID) -> Site:
    """One whose widget is in use. Raises site.not_found."""
    site = Site.objects.filter(pk=site_id, is_enabled=True).first()
    if site is None:
        raise AssistantError("site.not_found")
    return site


@transaction.atomic
def create(name: str, team: Team, *, by: UUID | None) -> Site:
    """A new site, which no page may show before its origins are named."""
    site = Site.objects.create(name=_name(name), team=team)
    rotate_secret(site.id, by=by)
    chain.record(by, "site.create", "site", site.id, after={"name": site.name})
    site.refresh_from_db()
    return site


@transaction.atomic
def update(site_id: UUID, *, by: UUID | None, origins: list[str] | None = None, **changes: Any) -> Site:
    """Store what is named, the JSON parts whole. Raises site.not_found, site.invalid, site.invalid_origin."""
    site = _locked(site_id)
    before = _state(site)
    if "name" in changes:
        changes["name"] = _name(changes["name"])
    if origins is not None:
        site.allowed_origins = _origins(origins)
    for field in PLAIN:
        if field in changes:
            setattr(site, field, changes.pop(field))
    for field, value in _checked({field: changes.pop(field) for field in PARTS if field in changes}).items():
        setattr(site, field, value)
    assert not changes, f"a site has no {', '.join(changes)}"
    site.save()
    after = _state(site)
    differing = [name for name in after if before[name] != after[name]]
    chain.record(by, "site.update", "site", site.id, after={"changed": differing})
    return site


@transaction.atomic
def rotate_secret(site_id: UUID, *, by: UUID | None) -> str:
    """Return a new secret for signing identities; the one before it holds a day longer."""
    site = _locked(site_id)
    secret = secrets.token_urlsafe(48)
    site.previous_secret = site.identity_secret
    site.previous_secret_until = timezone.now() + OLD_SECRET_HOLDS if site.identity_secret else None
    site.identity_secret = seal(secret)
    site.save(update_fields=["previous_secret", "previous_secret_until", "identity_secret", "updated_at"])
    chain.record(by, "site.rotate_secret", "site", site.id)
    return secret


def _locked(site_id: UUID) -> Site:
    site = Site.objects.select_for_update().filter(pk=site_id).first()
    if site is None:
        raise AssistantError("site.not_found")
    return site


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= 100:
        raise AssistantError("site.invalid", reason="name: 1 to 100 characters")
    return name


def _origins(lines: list[str]) -> list[str]:
    """Raises site.invalid_origin."""
    origins: list[str] = []
    for line in lines:
        origin = normal_origin(line)
        if origin is None or len(lines) > MAX_ORIGINS:
            raise AssistantError("site.invalid_origin", origin=line[:100])
        if origin not in origins:
            origins.append(origin)
    return origins


def _checked(parts: dict[str, Any]) -> dict[str, Any]:
    """The named parts as they are kept. Raises site.invalid."""
    try:
        whole = SiteSettings.model_validate(parts)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise AssistantError("site.invalid", reason=f"{where}: {first['msg'].lower()}") from None
    return whole.model_dump(include=set(parts))


def _state(site: Site) -> dict[str, Any]:
    return {name: getattr(site, name) for name in (*PLAIN, *PARTS, "allowed_origins")}
