"""What a visitor sees of the desk: their conversation, who answers it, and what they say of it at its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from assistant.accounts.actions import set_training_consent
from assistant.desk import alerts, events
from assistant.desk.models import Case, Visitor
from assistant.desk.site_settings import settings_of
from assistant.errors import AssistantError

MAX_COMMENT_CHARS = 2000
MAX_FIELD_CHARS = 1000


@dataclass(frozen=True, slots=True)
class CaseView:
    """`agent` is what the person of the desk is called who has it, empty where nobody has; `wants_form`: nobody is
    there, so the visitor is to be asked where to write to."""

    mode: str
    agent: str
    satisfaction: int | None
    wants_form: bool
    read_at: datetime | None


def current_case(visitor: Visitor) -> Case | None:
    """The newest conversation that this visitor began and has not deleted."""
    cases = Case.objects.select_related("conversation", "assignee").filter(visitor=visitor)
    return cases.filter(conversation__deleted_at=None).order_by("-conversation_id").first()


def case_of_visitor(visitor: Visitor, conversation_id: UUID) -> Case:
    """Raises conversation.not_found for what is another's."""
    cases = Case.objects.select_related("conversation", "assignee", "site__team").filter(visitor=visitor)
    case = cases.filter(pk=conversation_id, conversation__deleted_at=None).first()
    if case is None:
        raise AssistantError("conversation.not_found")
    return case


def case_view(case: Case) -> CaseView:
    agent = case.assignee.name if case.assignee else ""
    conversation = case.conversation
    return CaseView(conversation.mode, agent, case.satisfaction, alerts.wants_form(conversation), conversation.read_at)


@transaction.atomic
def introduce(
    visitor: Visitor, *, fields: dict[str, str], locale: str = "", page: str = "", may_train: bool | None = None
) -> None:
    """Keep what a visitor says of themselves: what the site's form asks, and name and e-mail address. None of it is
    proof. What the site has signed is not changed by it. Raises visitor.invalid_email, visitor.field_missing."""
    site = visitor.site
    asked = {field.name: field for field in settings_of(site).pre_chat}
    said = {name: " ".join(text.split())[:MAX_FIELD_CHARS] for name, text in fields.items()}
    for name, field in asked.items():
        if name in said and field.is_required and not said[name]:
            raise AssistantError("visitor.field_missing", name=field.label or name)
    if email := said.get("email"):
        email = checked_email(email)
        visitor.email = visitor.email if visitor.subject and visitor.email else email
    if called := said.get("name"):
        visitor.name = visitor.name if visitor.subject and visitor.name else called[:150]
    known = {name: text for name, text in said.items() if name in asked and name not in ("name", "email")}
    visitor.fields = {**visitor.fields, **known}
    visitor.locale = locale[:20] or visitor.locale
    visitor.last_page = page[:2000] or visitor.last_page
    visitor.save(update_fields=["name", "email", "fields", "locale", "last_page"])
    if may_train is not None and site.asks_training_consent:
        set_training_consent(visitor.person_id, is_given=may_train)


@transaction.atomic
def rate(visitor: Visitor, conversation_id: UUID, score: int, comment: str = "") -> None:
    """Keep what the visitor says of the conversation, 1 to 5. Raises conversation.not_found."""
    case = case_of_visitor(visitor, conversation_id)
    case.satisfaction, case.satisfaction_comment = score, comment[:MAX_COMMENT_CHARS]
    case.save(update_fields=["satisfaction", "satisfaction_comment"])
    events.happened(case, "satisfaction.given", {"score": score, "comment": case.satisfaction_comment})


def checked_email(text: str) -> str:
    """Raises visitor.invalid_email."""
    try:
        validate_email(text)
    except ValidationError:
        raise AssistantError("visitor.invalid_email") from None
    return text


def missing_fields(visitor: Visitor) -> list[str]:
    """The names of what the form before the first message asks and this visitor has not said."""
    known = {"name": visitor.name, "email": visitor.email, **visitor.fields}
    return [field.name for field in settings_of(visitor.site).pre_chat if not known.get(field.name)]
