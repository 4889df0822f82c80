"""A person's folders, and the way of a conversation into one."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status

from assistant.chat import folders, listing
from webui.api.conversations import ConversationList, Limit
from webui.api.core import person_of

router = Router()


class FolderOut(Schema):
    id: UUID
    name: str
    count: int
    unread_count: int
    conversations: ConversationList


class FolderList(Schema):
    """There are at most folders.MAX_FOLDERS, so this list has one page."""

    items: list[FolderOut]


class FolderIn(Schema):
    name: str


class CreatedFolder(Schema):
    id: UUID
    name: str


class PlaceIn(Schema):
    folder_id: UUID | None


@router.get("/folders", response=FolderList)
def list_folders(request: HttpRequest, limit: Limit = 10) -> FolderList:
    """`limit` is of the conversations shown with each folder."""
    items = listing.folders_of(person_of(request).id, limit)
    return FolderList.model_validate({"items": items}, from_attributes=True)


@router.post("/folders", response={201: CreatedFolder})
def create(request: HttpRequest, body: FolderIn) -> Status[CreatedFolder]:
    folder = folders.create(person_of(request).id, body.name)
    return Status(201, CreatedFolder(id=folder.id, name=folder.name))


@router.patch("/folders/{uuid:folder_id}", response={204: None})
def rename(request: HttpRequest, folder_id: UUID, body: FolderIn) -> Status[None]:
    folders.rename(person_of(request).id, folder_id, body.name)
    return Status(204, None)


@router.delete("/folders/{uuid:folder_id}", response={204: None})
def delete(request: HttpRequest, folder_id: UUID) -> Status[None]:
    folders.delete(person_of(request).id, folder_id)
    return Status(204, None)


@router.put("/conversations/{uuid:conversation_id}/folder", response={204: None})
def move(request: HttpRequest, conversation_id: UUID, body: PlaceIn) -> Status[None]:
    folders.move(person_of(request).id, conversation_id, body.folder_id)
    return Status(204, None)
