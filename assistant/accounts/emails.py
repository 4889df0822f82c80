"""A person's e-mail address: it changes when the owner of the new one says so.

allauth would store the new address beside the old one until it is confirmed, and let it reset the password meanwhile:
who mistypes an address would give a stranger the account. So what is asked for stands in the mailed link alone.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.core import signing
from django.db import transaction

from assistant.accounts.models import Person
from assistant.errors import AssistantError

LINK_WORKS_FOR = timedelta(days=1)
_SALT = "parley.email"


def confirmation_key(person: Person, email: str) -> str:
    """What the mailed link carries. It names the present address too, so that it works until the change and not after
    the next one."""
    return signing.dumps([str(person.id), email.lower(), person.email], salt=_SALT)


def send_confirmation(person: Person, email: str, url: str) -> None:
    get_adapter().send_mail("account/email/email_confirmation", email, {"user": person, "activate_url": url})


def address_of(key: str) -> tuple[Person, str]:
    """Whose address a link confirms, and which. Raises email.link_invalid."""
    try:
        person_id, email, present = signing.loads(key, salt=_SALT, max_age=LINK_WORKS_FOR)
    except signing.BadSignature:
        raise AssistantError("email.link_invalid") from None
    person = Person.objects.filter(pk=UUID(person_id), email=present, is_active=True).first()
    if person is None:
        raise AssistantError("email.link_invalid")
    return person, email


@transaction.atomic
def confirm(key: str) -> Person:
    """Make the address of a link the person's confirmed and only one. Raises email.link_invalid, email.taken."""
    person, email = address_of(key)
    Person.objects.select_for_update().get(pk=person.pk)
    if is_taken(person, email):
        raise AssistantError("email.taken")
    before = person.email
    EmailAddress.objects.filter(user=person).exclude(email=email).delete()
    EmailAddress.objects.update_or_create(user=person, email=email, defaults={"verified": True, "primary": True})
    Person.objects.filter(pk=person.pk).update(email=email)
    if before and before != email:
        transaction.on_commit(lambda: _tell(person, before, email))
    return person


def is_taken(person: Person, email: str) -> bool:
    others = Person.objects.filter(email__iexact=email).exclude(pk=person.pk)
    return others.exists() or bool(EmailAddress.objects.filter(email__iexact=email).exclude(user=person).exists())


def is_confirmed(person: Person) -> bool:
    return bool(EmailAddress.objects.filter(user=person, email__iexact=person.email, verified=True).exists())


def _tell(person: Person, before: str, email: str) -> None:
    """Somebody who took the session of another must not be able to do this unseen."""
    context = {"from_email": before, "to_email": email}
    get_adapter().send_notification_mail("account/email/email_changed", person, context, email=before)
