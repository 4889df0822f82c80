"""Visitors, as what is known of them: list, read, correct, erase."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from assistant.desk import contacts
from assistant.desk.models import Visitor
from webui.rest.core import FAILURES, Cursor, Limit, Storable, agent_of, page_of

router = Router(tags=["contacts"])
Key = Annotated[Storable, Field(max_length=50)]
Value = Annotated[Storable, Field(max_length=1000)]


class ContactOut(Schema):
    """`subject` is what the site calls somebody whom it has signed; "" for everybody else, whose name, e-mail and
    fields are what they typed."""

    id: UUID
    site_id: UUID
    subject: str
    name: str
    email: str
    fields: dict[str, Any]
    locale: str
    last_page: str
    created_at: datetime
    seen_at: datetime | None

    @staticmethod
    def resolve_id(row: Visitor) -> Any:
        return row.pk


class ContactsOut(Schema):
    items: list[ContactOut]
    next_cursor: UUID | None


class ContactIn(Schema):
    """What is left out stays as it is; `fields` are replaced whole."""

    name: Annotated[Storable, Field(max_length=150)] | None = None
    email: Annotated[Storable, Field(max_length=254)] | None = None
    fields: Annotated[dict[Key, Value], Field(max_length=50)] | None = None


@router.get("/contacts", response={200: ContactsOut, **FAILURES})
def list_contacts(
    request: HttpRequest,
    site_id: UUID | None = None,
    email: Annotated[Storable | None, Query()] = None,
    subject: Annotated[Storable | None, Query()] = None,
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
