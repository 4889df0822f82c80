"""Visitors, as what is known of them: list, read, correct, erase."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from assistant.desk import contacts
from assistant.desk.models import Visitor
from webui.rest.core import FAILURES, Cursor, Limit, agent_of, line, page_of

router = Router(tags=["contacts"])


class ContactOut(Schema):
    """`subject` is what the site calls somebody whom it has signed; "" for everybody else, whose name, e-mail and
    fields are what they typed."""

    id: UUID = Field(alias="pk")
    site_id: UUID
    subject: str
    name: str
    email: str
    fields: dict[str, Any]
    locale: str
    last_page: str
    created_at: datetime
    seen_at: datetime | None


class ContactsOut(Schema):
    items: list[ContactOut]
    next_cursor: UUID | None


class ContactIn(Schema):
    """What is left out stays as it is; `fields` are replaced whole."""

    name: line(150) | None = None  # type: ignore[valid-type]
    email: line(254) | None = None  # type: ignore[valid-type]
    fields: Annotated[dict[line(50), line(1000)], Field(max_length=50)] | None = None  # type: ignore[valid-type]


@router.get("/contacts", response={200: ContactsOut, **FAILURES})
def list_contacts(
    request: HttpRequest,
    site_id: UUID | None = None,
    email: Annotated[line(254) | None, Query()] = None,  # type: ignore[valid-type]
    subject: Annotated[line(200) | None, Query()] = None,  # type: ignore[valid-type]
    cursor: Cursor = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """The newest first."""
    wanted = {"site": site_id, "email": email, "subject": subject}
    rows = contacts.contacts_of(agent_of(request)).filter(**{name: value for name, value in wanted.items() if value})
    return page_of(rows, cursor, limit)


@router.get("/contacts/{uuid:contact_id}", response={200: ContactOut, **FAILURES})
def read_contact(request: HttpRequest, contact_id: UUID) -> Visitor:
    return contacts.contact_of(agent_of(request), contact_id)


@router.patch("/contacts/{uuid:contact_id}", response={200: ContactOut, **FAILURES})
def update_contact(request: HttpRequest, contact_id: UUID, body: ContactIn) -> Visitor:
    return contacts.update(agent_of(request), contact_id, **body.dict(exclude_none=True))


@router.delete("/contacts/{uuid:contact_id}", response={204: None, **FAILURES})
def erase_contact(request: HttpRequest, contact_id: UUID) -> Status[None]:
    """With all they wrote and everything that was learned from it, for good; by an administrator's key alone."""
    contacts.erase(agent_of(request), contact_id)
    return Status(204, None)
