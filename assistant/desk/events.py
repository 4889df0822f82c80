"""Tells what happened to a conversation of the desk: one row of the outbox for each webhook that wants to know, and a
hint to the pages of the site's agents and of its visitor."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from assistant.chat import stream
from assistant.desk.access import agents_of
from assistant.desk.models import Case, Delivery, Site, Webhook

Name = Literal[
    "conversation.created",
    "conversation.resolved",
    "message.created",
    "handoff.requested",
    "handoff.taken",
    "handoff.returned",
    "satisfaction.given",
    "contact.identified",
    "snooze.ended",
    "sentiment.surge",
]


def happened(case: Case, name: Name, data: dict[str, Any]) -> None:
    """To be called in the transaction in which it happens. `data` must be JSON; the ids of the conversation and of its
    visitor are added to it."""
    ids = {"conversation_id": str(case.pk), "contact_id": str(case.visitor_id)}
    of_site(case.site, name, {**ids, **data}, visitor_id=case.visitor_id, case=case)
    hint(case)


def of_site(
    site: Site, name: Name, data: dict[str, Any], *, visitor_id: UUID | None = None, case: Case | None = None
) -> None:
    """The same for what is about no conversation. What `data` quotes is erased with the visitor and the case."""
    now = timezone.now()
    payload = {"type": name, "timestamp": now.isoformat(), "data": {"site_id": str(site.pk), **data}}
    Delivery.objects.bulk_create(
        Delivery(webhook=webhook, event=name, payload=payload, due_at=now, visitor_id=visitor_id, case=case)
        for webhook in webhooks_for(site, name)
    )


def webhooks_for(site: Site, name: Name) -> list[Webhook]:
    return [
        hook for hook in Webhook.objects.filter(site=site, is_enabled=True) if not hook.events or name in hook.events
    ]


def hint(case: Case) -> None:
    """Have the pages of everybody who sees the case look again, after the commit."""
    readers = [case.visitor_id, *agents_of(case.site).values_list("pk", flat=True)]

    def tell() -> None:
        for person_id in readers:
            stream.hint(person_id, case.pk)

    transaction.on_commit(tell)
