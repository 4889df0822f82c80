"""The link of a conversation: PUT shows it as it is now, PATCH changes for whom, DELETE takes it back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from ninja import Router, Schema, Status

from assistant.errors import AssistantError
from assistant.sharing import actions, queries
from assistant.sharing.models import ShareLink
from webui.api.core import person_of

router = Router()


class AudienceIn(Schema):
    audience: Literal["members", "anyone"]


class ShareLinkOut(Schema):
    path: str
    audience: str
    snapshot_at: datetime

    @staticmethod
    def resolve_path(link: ShareLink) -> str:
        return reverse("shared", args=[link.token])


class ShareOut(Schema):
    link: ShareLinkOut | None


@router.get("/conversations/{uuid:conversation_id}/share", response=ShareOut)
def read(request: HttpRequest, conversation_id: UUID) -> dict[str, ShareLink | None]:
    try:
        return {"link": queries.link_of(person_of(request).id, conversation_id)}
    except AssistantError as error:
        if error.code != "share.not_found":
            raise
        return {"link": None}


@router.put("/conversations/{uuid:conversation_id}/share", response=ShareOut)
def share(request: HttpRequest, conversation_id: UUID, body: AudienceIn) -> dict[str, ShareLink]:
    audience = ShareLink.Audience(body.audience)
    return {"link": actions.share(person_of(request).id, conversation_id, audience)}


@router.patch("/conversations/{uuid:conversation_id}/share", response=ShareOut)
def show_to(request: HttpRequest, conversation_id: UUID, body: AudienceIn) -> dict[str, ShareLink]:
    audience = ShareLink.Audience(body.audience)
    return {"link": actions.show_to(person_of(request).id, conversation_id, audience)}


@router.delete("/conversations/{uuid:conversation_id}/share", response={204: None})
def revoke(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    actions.revoke(person_of(request).id, conversation_id)
    return Status(204, None)
