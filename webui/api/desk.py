"""What agents do in the inbox. Reading is done by its pages (webui/desk/inbox.py)."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import AwareDatetime, Field

from assistant.desk import access, attachments, casework, drafts, handoff, messages
from assistant.desk.models import Attachment
from webui.api.core import person_of
from webui.desk.attached import AttachmentOut, download_of
from webui.desk.case import mentioned_in

router = Router()


class ReplyIn(Schema):
    client_message_id: UUID
    text: str
    draft_id: UUID | None = None
    attachment_ids: Annotated[list[UUID], Field(max_length=attachments.MAX_UNSENT)] = []


class SentOut(Schema):
    id: UUID


class ModeIn(Schema):
    mode: Literal["person", "assistant", "resolved"]


class SuggestionOut(Schema):
    generation_id: UUID


class NoteIn(Schema):
    client_note_id: UUID
    text: str


class ChangeIn(Schema):
    assignee_id: UUID | None = None
    snoozed_until: AwareDatetime | None = None
    label_ids: Annotated[list[UUID], Field(max_length=100)] = []


class BulkIn(Schema):
    """`until` goes with "snooze", `label` with "label"."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=100)]
    action: Literal["resolve", "assign", "snooze", "label"]
    until: AwareDatetime | None = None
    label: str = ""


class BulkOut(Schema):
    """`done`: how many of them it was done to."""

    done: int


@router.post("/desk/cases/{uuid:conversation_id}/replies", response={201: SentOut})
def reply(request: HttpRequest, conversation_id: UUID, body: ReplyIn) -> Status[SentOut]:
    """To the visitor; who answers what nobody has, has taken it. Once per `client_message_id`."""
    sent = messages.reply(
        person_of(request).pk,
        client_message_id=body.client_message_id,
        conversation_id=conversation_id,
        text=body.text,
        draft_id=body.draft_id,
        attachment_ids=body.attachment_ids,
    )
    return Status(201, SentOut(id=sent.pk))


@router.put("/desk/cases/{uuid:conversation_id}/mode", response={204: None})
def change_mode(request: HttpRequest, conversation_id: UUID, body: ModeIn) -> Status[None]:
    """Who answers from now on: whoever asks, the assistant, or (resolved) nobody until the visitor writes again."""
    person_id = person_of(request).pk
    match body.mode:
        case "person":
            handoff.take(person_id, conversation_id)
        case "assistant":
            handoff.give_back(person_id, conversation_id)
        case "resolved":
            handoff.resolve(person_id, conversation_id)
    return Status(204, None)


@router.post("/desk/cases/{uuid:conversation_id}/suggestion", response={201: SuggestionOut})
def suggest(request: HttpRequest, conversation_id: UUID) -> Status[SuggestionOut]:
    """Have the assistant draft an answer that nobody but the desk sees."""
    generation = drafts.suggest(person_of(request).pk, conversation_id)
    return Status(201, SuggestionOut(generation_id=generation.pk))


@router.post("/desk/cases/{uuid:conversation_id}/notes", response={201: SentOut})
def add_note(request: HttpRequest, conversation_id: UUID, body: NoteIn) -> Status[SentOut]:
    """For the other agents alone. Whom it names behind an "@" finds it. Once per `client_note_id`."""
    person_id = person_of(request).pk
    case = access.case_of(person_id, conversation_id)
    named = mentioned_in(body.text, list(access.agents_of(case.site)))
    note = casework.add_note(person_id, conversation_id, body.text, named, body.client_note_id)
    return Status(201, SentOut(id=note.pk))


@router.put("/desk/cases/{uuid:conversation_id}/read", response={204: None})
def mark_read(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    casework.mark_read(person_of(request).pk, conversation_id)
    return Status(204, None)


@router.patch("/desk/cases/{uuid:conversation_id}", response={204: None})
def change(request: HttpRequest, conversation_id: UUID, body: ChangeIn) -> Status[None]:
    """What is not named stays as it is."""
    person_id, changes = person_of(request).pk, body.model_dump(exclude_unset=True)
    with transaction.atomic():
        access.case_of(person_id, conversation_id)
        if "assignee_id" in changes:
            casework.assign(person_id, conversation_id, changes["assignee_id"])
        if "snoozed_until" in changes:
            casework.snooze(person_id, conversation_id, changes["snoozed_until"])
        if "label_ids" in changes:
            casework.set_labels(person_id, conversation_id, changes["label_ids"])
    return Status(204, None)


@router.post("/desk/attachments", response=AttachmentOut)
def upload(request: HttpRequest, conversation_id: Form[UUID], file: File[UploadedFile]) -> Attachment:
    """Checked and kept until the reply is sent that it belongs to."""
    agent = person_of(request)
    case = access.case_of(agent.pk, conversation_id)
    return attachments.store(agent.pk, case.conversation, file.name or "", file.read())


@router.get("/desk/attachments/{uuid:attachment_id}")
def download(request: HttpRequest, attachment_id: UUID) -> HttpResponse:
    """A file that was sent in a case of theirs, as a download alone."""
    return download_of(attachments.attachment_of_agent(person_of(request), attachment_id))


@router.post("/desk/bulk", response=BulkOut)
def change_many(request: HttpRequest, body: BulkIn) -> BulkOut:
    """The same for many cases, all or none. `label` adds a label of this name where the team has one."""
    person_id = person_of(request).pk
    with transaction.atomic():
        done = sum(_change_one(person_id, id_, body) for id_ in dict.fromkeys(body.ids))
    return BulkOut(done=done)


def _change_one(person_id: UUID, id_: UUID, body: BulkIn) -> bool:
    match body.action:
        case "resolve":
            handoff.resolve(person_id, id_)
        case "assign":
            casework.assign(person_id, id_, person_id)
        case "snooze":
            casework.snooze(person_id, id_, body.until)
        case "label":
            case = access.case_of(person_id, id_)
            label = case.site.team.labels.filter(name=body.label).first()
            if label is None:
                return False
            casework.set_labels(person_id, id_, {label.pk, *case.labels.values_list("pk", flat=True)})
    return True
