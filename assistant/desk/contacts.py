"""The visitors of an agent's sites, for programs and pages of the desk: found, corrected, erased."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet

from assistant.accounts.models import Person
from assistant.audit import chain
from assistant.chat.erasure import erase_person
from assistant.desk.access import sites_of
from assistant.desk.models import Visitor
from assistant.errors import AssistantError


def contacts_of(person: Person) -> QuerySet[Visitor]:
    return Visitor.objects.filter(site__in=sites_of(person))


def contact_of(person: Person, contact_id: UUID) -> Visitor:
    """Raises contact.not_found."""
    visitor = contacts_of(person).filter(pk=contact_id).first()
    if visitor is None:
        raise AssistantError("contact.not_found")
    return visitor


@transaction.atomic
def update(
    person: Person,
    contact_id: UUID,
    *,
    name: str | None = None,
    email: str | None = None,
    fields: dict[str, str] | None = None,
) -> Visitor:
    """Put these in the place of what stands there; `fields` whole. None changes nothing. Raises contact.not_found,
    contact.invalid."""
    visitor = contacts_of(person).select_for_update(of=("self",)).filter(pk=contact_id).first()
    if visitor is None:
        raise AssistantError("contact.not_found")
    if email:
        try:
            validate_email(email)
        except ValidationError:
            raise AssistantError("contact.invalid", reason="email") from None
    changes = {"name": name, "email": email, "fields": fields}
    changed = [key for key, value in changes.items() if value is not None]
    for key in changed:
        setattr(visitor, key, changes[key])
    visitor.save(update_fields=changed)
    return visitor


def erase(person: Person, contact_id: UUID) -> None:
    """Erase somebody with all they wrote, as they could themselves; administrators alone. Raises request.not_allowed,
    contact.not_found, person.not_erased."""
    if person.role != Person.Role.ADMIN:
        raise AssistantError("request.not_allowed")
    visitor = contact_of(person, contact_id)
    erase_person(visitor.pk)
    chain.record(person.id, "contact.erase", "person", contact_id)
