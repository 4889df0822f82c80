"""JSON for the frame. A visitor is a person like any other: what is theirs is found through them, by the chat's own
queries, and nothing else is."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field

from assistant import limits
from assistant.chat import branches, organizing, queries
from assistant.desk import attachments, handoff, transcript_mail, visitors, visits
from assistant.desk.models import Attachment, Case, Visitor
from assistant.desk.sites import site_of
from assistant.feedback import actions as feedback
from assistant.feedback.models import Feedback
from assistant.outcomes.life import life_of
from webui.api.conversations import Limit
from webui.api.feedback import FeedbackIn, FeedbackOut
from webui.api.messages import ConversationHead, MessageOut, MessagesPage
from webui.api.outcomes import LifeOut
from webui.desk.attached import AttachmentOut, download_of
from webui.outcomes import sentence_of
from webui.widget.core import address_of, api, refuse_foreign, shown_token, token_of, visitor_of

__all__ = ["api"]

router = Router()


class NewVisitorIn(Schema):
    site_id: UUID
    origin: Annotated[str, Field(max_length=300)]


class IdentityIn(Schema):
    site_id: UUID
    origin: Annotated[str, Field(max_length=300)]
    identity: Annotated[str, Field(max_length=8000)]


class TokenOut(Schema):
    token: str
    person_id: UUID


class TicketOut(Schema):
    ticket: str


class VisitHead(ConversationHead):
    mode: str
    agent: str
    satisfaction: int | None
    # Nobody of the desk is there, and the visitor waits: they are to be asked where to write to.
    wants_form: bool
    read_at: datetime | None


class VisitMessage(MessageOut):
    attachments: list[AttachmentOut]


class VisitPage(MessagesPage):
    conversation: VisitHead
    items: list[VisitMessage]  # type: ignore[assignment]


class VisitOut(Schema):
    """`page` null: this visitor has said nothing yet. `missing`: what the form asks that they have not told."""

    person_id: UUID
    is_identified: bool
    name: str
    email: str
    missing: list[str]
    page: VisitPage | None


class IntroductionIn(Schema):
    fields: Annotated[dict[str, Annotated[str, Field(max_length=2000)]], Field(max_length=12)] = {}
    locale: Annotated[str, Field(max_length=20)] = ""
    page: Annotated[str, Field(max_length=2000)] = ""
    may_train: bool | None = None


class TranscriptIn(Schema):
    email: Annotated[str, Field(max_length=254)]


class RatingIn(Schema):
    score: Annotated[int, Field(ge=1, le=5)]
    comment: Annotated[str, Field(max_length=2000)] = ""


@router.post("/visitors", response=TokenOut, auth=None)
def open_visitor(request: HttpRequest, body: NewVisitorIn) -> TokenOut:
    refuse_foreign(request)
    site = site_of(body.site_id)
    visitors.refuse_origin(site, body.origin)
    limits.spend_guest(address_of(request))
    visitor, token = visitors.open_visitor(site, body.origin)
    return TokenOut(token=token, person_id=visitor.pk)


@router.post("/identity", response=TokenOut, auth=None)
def identify(request: HttpRequest, body: IdentityIn) -> TokenOut:
    """Whose token the call carries becomes whom the site has signed."""
    refuse_foreign(request)
    site = site_of(body.site_id)
    visitors.refuse_origin(site, body.origin)
    visitor, token = visitors.identify(site, body.identity, shown_token(request) or None)
    return TokenOut(token=token, person_id=visitor.pk)


@router.delete("/identity", response={204: None})
def forget(request: HttpRequest) -> Status[None]:
    visitors.forget(shown_token(request))
    return Status(204, None)


@router.post("/tickets", response=TicketOut)
def new_ticket(request: HttpRequest) -> TicketOut:
    return TicketOut(ticket=visitors.new_ticket(token_of(request)))


@router.get("/visit", response=VisitOut)
def read_visit(request: HttpRequest) -> VisitOut:
    visitor = visitor_of(request)
    case = visits.current_case(visitor)
    return VisitOut(
        person_id=visitor.pk,
        is_identified=token_of(request).is_identified,
        name=visitor.name,
        email=visitor.email,
        missing=visits.missing_fields(visitor),
        page=_page(visitor, case, limit=50) if case else None,
    )


@router.put("/visit", response={204: None})
def introduce(request: HttpRequest, body: IntroductionIn) -> Status[None]:
    visits.introduce(visitor_of(request), **body.dict())
    return Status(204, None)


@router.get("/conversations/{uuid:conversation_id}/messages", response=VisitPage)
def list_messages(
    request: HttpRequest,
    conversation_id: UUID,
    leaf_id: UUID | None = None,
    around: UUID | None = None,
    after: UUID | None = None,
    limit: Limit = 50,
) -> VisitPage:
    visitor = visitor_of(request)
    case = visits.case_of_visitor(visitor, conversation_id)
    return _page(visitor, case, leaf_id=leaf_id, around=around, after=after, limit=limit)


@router.put("/conversations/{uuid:conversation_id}/read", response={204: None})
def mark_read(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    organizing.mark_read(visitor_of(request).pk, conversation_id)
    return Status(204, None)


@router.post("/conversations/{uuid:conversation_id}/person", response={204: None})
def ask_for_person(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    visits.case_of_visitor(visitor_of(request), conversation_id)
    handoff.ask_for_person(conversation_id)
    return Status(204, None)


@router.post("/conversations/{uuid:conversation_id}/end", response={204: None})
def end(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    visits.case_of_visitor(visitor_of(request), conversation_id)
    handoff.resolve(None, conversation_id)
    return Status(204, None)


@router.post("/conversations/{uuid:conversation_id}/transcript", response={204: None})
def send_transcript(request: HttpRequest, conversation_id: UUID, body: TranscriptIn) -> Status[None]:
    visitor = visitor_of(request)
    visits.case_of_visitor(visitor, conversation_id)
    limits.spend_transcript(visitor.pk, address_of(request), body.email)
    transcript_mail.send(visitor, conversation_id, body.email)
    return Status(204, None)


@router.post("/attachments", response=AttachmentOut)
def upload(request: HttpRequest, conversation_id: Form[UUID], file: File[UploadedFile]) -> Attachment:
    visitor = visitor_of(request)
    case = visits.case_of_visitor(visitor, conversation_id)
    return attachments.store(visitor.pk, case.conversation, file.name or "", file.read())


@router.get("/attachments/{uuid:attachment_id}")
def download(request: HttpRequest, attachment_id: UUID) -> HttpResponse:
    return download_of(attachments.attachment_of_visitor(visitor_of(request).pk, attachment_id))


@router.put("/conversations/{uuid:conversation_id}/satisfaction", response={204: None})
def rate(request: HttpRequest, conversation_id: UUID, body: RatingIn) -> Status[None]:
    visits.rate(visitor_of(request), conversation_id, body.score, body.comment)
    return Status(204, None)


@router.put("/messages/{uuid:message_id}/feedback", response=FeedbackOut)
def give_feedback(request: HttpRequest, message_id: UUID, body: FeedbackIn) -> Feedback:
    rating = Feedback.Rating(body.rating)
    return feedback.give(visitor_of(request).pk, message_id, rating, body.reasons, body.comment, body.correction)


@router.delete("/messages/{uuid:message_id}/feedback", response={204: None})
def withdraw_feedback(request: HttpRequest, message_id: UUID) -> Status[None]:
    feedback.withdraw(visitor_of(request).pk, message_id)
    return Status(204, None)


@router.get("/messages/{uuid:message_id}/feedback/life", response=LifeOut)
def read_life(request: HttpRequest, message_id: UUID) -> LifeOut:
    life = life_of(visitor_of(request).pk, message_id)
    return LifeOut(stage=life.stage, text=sentence_of(life))


def _page(
    visitor: Visitor,
    case: Case,
    *,
    leaf_id: UUID | None = None,
    around: UUID | None = None,
    after: UUID | None = None,
    limit: int,
) -> VisitPage:
    conversation = case.conversation
    if around:
        window = branches.window_around(visitor.pk, conversation, around, limit)
    elif after:
        window = branches.window_after(visitor.pk, conversation, after, limit)
    else:
        window = branches.visible_path(visitor.pk, conversation, leaf_id, limit)
    head = asdict(queries.head_view(conversation, visitor.person)) | asdict(visits.case_view(case))
    attached = attachments.by_message(item.id for item in window.items)
    items = [{**asdict(item), "attachments": attached.get(item.id, [])} for item in window.items]
    where = {"next_leaf_id": window.next_leaf_id, "next_after_id": window.next_after_id}
    return VisitPage.model_validate({"conversation": head, "items": items, **where}, from_attributes=True)


api.add_router("", router)
