"""The sites whose visitors the key's person answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema

from assistant.desk.access import sites_of
from assistant.desk.models import Site
from assistant.errors import AssistantError
from webui.rest.core import FAILURES, Cursor, Limit, agent_of, page_of

router = Router(tags=["sites"])


class SiteOut(Schema):
    id: UUID
    name: str
    team_id: UUID
    is_enabled: bool
    allowed_origins: list[str]
    time_zone: str
    is_identity_required: bool
    retention_days: int
    created_at: datetime
    updated_at: datetime


class SitesOut(Schema):
    items: list[SiteOut]
    next_cursor: UUID | None


@router.get("/sites", response={200: SitesOut, **FAILURES})
def list_sites(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> dict[str, Any]:
    """The newest first."""
    return page_of(sites_of(agent_of(request)), cursor, limit)


@router.get("/sites/{uuid:site_id}", response={200: SiteOut, **FAILURES})
def read_site(request: HttpRequest, site_id: UUID) -> Site:
    site = sites_of(agent_of(request)).filter(pk=site_id).first()
    if site is None:
        raise AssistantError("desk.site_not_found")
    return site
