"""The addresses that are told what happens on a site, and the log of what they were told. Writes are by administrators
and stand in the audit chain, secrets never do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from assistant.audit import chain
from assistant.chat.queries import Page
from assistant.desk.models import Delivery, Site, Webhook
from assistant.desk.outward import checked_url
from assistant.desk.sealing import seal
from assistant.desk.signing import new_secret
from assistant.errors import AssistantError

EVENTS = (
    *("conversation.created", "conversation.resolved", "message.created"),
    *("handoff.requested", "handoff.taken", "handoff.returned", "satisfaction.given", "contact.identified"),
    *("snooze.ended", "sentiment.surge"),
)
MAX_WEBHOOKS = 20
# So long what was signed with the secret before is signed with it too: servers are changed one by one.
OLD_SECRET_HOLDS = timedelta(hours=24)


@transaction.atomic
def create(site: Site, url: str, events: Sequence[str], *, by: UUID | None) -> tuple[Webhook, str]:
    """A new webhook and its secret, which cannot be shown again. `events` empty: all. Raises webhook.invalid_url,
    webhook.too_many."""
    Site.objects.select_for_update().get(pk=site.pk)
    if site.webhooks.count() >= MAX_WEBHOOKS:
        raise AssistantError("webhook.too_many", limit=MAX_WEBHOOKS)
    secret = new_secret()
    hook = Webhook.objects.create(site=site, url=checked_url(url), secret=seal(secret), events=_known(events))
    chain.record(by, "webhook.create", "webhook", hook.id, after=_auditable(hook))
    return hook, secret


@transaction.atomic
def update(hook: Webhook, url: str, events: Sequence[str], is_enabled: bool, *, by: UUID | None) -> None:
    """What waits while a webhook is off is sent when it is on again. Raises webhook.invalid_url."""
    before = _auditable(hook)
    hook.url, hook.events, hook.is_enabled = checked_url(url), _known(events), is_enabled
    hook.save(update_fields=["url", "events", "is_enabled"])
    chain.record(by, "webhook.update", "webhook", hook.id, before=before, after=_auditable(hook))


@transaction.atomic
def rotate(hook: Webhook, *, by: UUID | None) -> str:
    """Return a new secret; the one before it signs for a day longer."""
    secret = new_secret()
    hook.previous_secret, hook.previous_secret_until = hook.secret, timezone.now() + OLD_SECRET_HOLDS
    hook.secret = seal(secret)
    hook.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    chain.record(by, "webhook.rotate_secret", "webhook", hook.id)
    return secret


@transaction.atomic
def remove(hook: Webhook, *, by: UUID | None) -> None:
    """Its log goes with it."""
    chain.record(by, "webhook.remove", "webhook", hook.id, before=_auditable(hook))
    hook.delete()


@transaction.atomic
def replay(hook: Webhook, delivery_id: UUID, *, by: UUID | None) -> None:
    """Send something once more that has been delivered or given up: the receiver knows it by its webhook-id. Raises
    delivery.not_found, delivery.waiting."""
    row = Delivery.objects.select_for_update().filter(pk=delivery_id, webhook=hook).first()
    if row is None:
        raise AssistantError("delivery.not_found")
    if row.state == Delivery.State.WAITING:
        raise AssistantError("delivery.waiting")
    row.state, row.attempts, row.due_at = Delivery.State.WAITING, 0, timezone.now()
    row.save(update_fields=["state", "attempts", "due_at"])
    chain.record(by, "webhook.replay", "delivery", row.id)


def webhook_of(site_id: UUID, webhook_id: UUID) -> Webhook:
    """Raises webhook.not_found."""
    hook = Webhook.objects.select_related("site").filter(pk=webhook_id, site=site_id).first()
    if hook is None:
        raise AssistantError("webhook.not_found")
    return hook


def deliveries_of(hook: Webhook, state: str = "", cursor: str | None = None, limit: int = 50) -> Page[Delivery]:
    """The newest first, of one state or all. Raises page.invalid_cursor."""
    rows = hook.deliveries.order_by("-id")
    if state:
        rows = rows.filter(state=state)
    if cursor:
        try:
            rows = rows.filter(id__lt=UUID(cursor))
        except ValueError:
            raise AssistantError("page.invalid_cursor") from None
    found = list(rows[: limit + 1])
    return Page(found[:limit], str(found[limit - 1].id) if len(found) > limit else None)


def _known(events: Sequence[str]) -> list[str]:
    return [name for name in EVENTS if name in events]


def _auditable(hook: Webhook) -> dict[str, object]:
    return {"site": str(hook.site_id), "url": hook.url, "events": hook.events, "is_enabled": hook.is_enabled}
