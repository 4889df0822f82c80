"""What the inbox lists: cases by who has them and how they stand, found by words too, and how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import BooleanField, Case, Count, Exists, Max, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from assistant.accounts.models import Person
from assistant.chat.models import Conversation, SearchText
from assistant.chat.queries import Page
from assistant.chat.search_query import Says, parsed
from assistant.desk.access import cases_of
from assistant.desk.models import Alert, CaseRead
from assistant.errors import AssistantError

Whose = Literal["mine", "unassigned", "mentioned", "all"]
# `open`: not over and not snoozed, with a person or waiting for one; `waiting`: of these, whoever has no answer yet.
Status = Literal["open", "waiting", "assistant", "snoozed", "resolved"]
Order = Literal["newest", "waiting"]

Mode = Conversation.Mode
# Of the texts that have the words, the newest so many are looked at.
MAX_FOUND = 1000
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CaseView:
    """One line of the list. `visitor_name` is what the visitor says or the site has signed; "" if nobody knows."""

    id: UUID
    site_id: UUID
    site_name: str
    visitor_id: UUID
    visitor_name: str
    mode: str
    reason: str
    assignee_id: UUID | None
    assignee_name: str
    labels: list[str]
    preview: str
    page: str
    waiting_since: datetime | None
    snoozed_until: datetime | None
    last_message_at: datetime | None
    satisfaction: int | None
    is_unread: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """`counts`: how many cases stand how, as "mine.open" or "all.waiting". `newest_waiting`: since when the visitor
    waits who asked for a person last; pages tell of the next one."""

    counts: Counter[str]
    newest_waiting: datetime | None


def cases(
    agent: Person,
    *,
    whose: Whose = "all",
    status: Status | None = "open",
    text: str = "",
    site_id: UUID | None = None,
    label_id: UUID | None = None,
    order: Order = "newest",
    cursor: str | None = None,
    limit: int = 30,
) -> Page[CaseView]:
    """A page of the cases that this person may see; `status` None: all. `text` is looked for in what was said and in
    visitors' names and addresses. `order` "waiting": who has waited longest comes first, who does not wait last. Raises
    search.too_long, page.invalid_cursor."""
    now = timezone.now()
    rows = cases_of(agent).filter(_belongs(whose, agent), _stands(status, now))
    if site_id:
        rows = rows.filter(site=site_id)
    if label_id:
        rows = rows.filter(labels=label_id)
    if text.strip():
        rows = rows.filter(_says(text, agent))
    name, key, is_later = _ORDERS[order]
    rows = rows.annotate(key=key)
    if cursor:
        rows = rows.filter(_after(cursor, is_later))
    # First which ones: thousands are sorted, and what else is shown is looked up for a page of them.
    found = list(rows.order_by(*name).values_list("pk", "key")[: limit + 1])
    shown = {row.pk: row for row in _with_all(cases_of(agent).filter(pk__in=[pk for pk, _ in found[:limit]]), agent)}
    last, last_key = found[limit - 1] if len(found) > limit else (None, _NEVER)
    cursor = f"{last_key.isoformat()}_{last}" if last else None
    return Page([_view(shown[pk]) for pk, _ in found[:limit] if pk in shown], cursor)


def overview(agent: Person) -> Overview:
    """What the inbox shows beside its filters."""
    is_awake = Case(When(_is_awake(timezone.now()), then=True), default=False, output_field=BooleanField())
    groups = (
        cases_of(agent)
        .filter(~Q(mode=Mode.RESOLVED))
        .annotate(is_awake=is_awake)
        .values_list("mode", "assignee_id", "is_awake")
        .annotate(all=Count("pk"), waiting=Count("waiting_since"), newest=Max("waiting_since"))
    )
    counted: Counter[str] = Counter()
    newest: list[datetime] = []
    for mode, assignee_id, awake, all_, waiting, newest_of_group in groups:
        owners = ["all", *(["unassigned"] if assignee_id is None else ["mine"] if assignee_id == agent.pk else [])]
        if mode == Mode.WAITING and newest_of_group:
            newest.append(newest_of_group)
        for whose in owners:
            if not awake:
                counted[f"{whose}.snoozed"] += all_
            elif mode in (Mode.WAITING, Mode.PERSON):
                counted[f"{whose}.open"] += all_
                counted[f"{whose}.waiting"] += waiting
    return Overview(counted, max(newest, default=None))


def newest_return(agent: Person) -> datetime | None:
    """When a snooze ended last of which this agent was told and that is still open: pages tell of the next one."""
    theirs = Q(case__assignee=agent) | Q(case__assignee=None)
    is_open = Q(case__snoozed_until=None) & ~Q(case__mode=Mode.RESOLVED)
    told = Alert.objects.filter(theirs, is_open, case__in=cases_of(agent), reason=Alert.Reason.RETURNED)
    return told.order_by("-at").values_list("at", flat=True).first()


def case_view(agent: Person, conversation_id: UUID) -> CaseView:
    """One line by itself. Raises desk.not_found."""
    row = _with_all(cases_of(agent), agent).filter(pk=conversation_id).first()
    if row is None:
        raise AssistantError("desk.not_found")
    return _view(row)


def _with_all(rows: Any, agent: Person) -> Any:
    """What a line shows beyond the case itself."""
    read = CaseRead.objects.filter(case=OuterRef("pk"), agent=agent, read_at__gte=OuterRef("last_message_at"))
    rows = rows.annotate(is_read=Exists(read))
    return rows.select_related("site", "visitor", "assignee").prefetch_related("labels")


def _belongs(whose: str, agent: Person) -> Q:
    match whose:
        case "mine":
            return Q(assignee=agent)
        case "unassigned":
            return Q(assignee=None)
        case "mentioned":
            return Q(pk__in=agent.mentioned_in.values("case"))
        case _:
            return Q()


def _stands(status: str | None, now: datetime) -> Q:
    is_awake = _is_awake(now)
    has_person = Q(mode__in=(Mode.WAITING, Mode.PERSON))
    match status:
        case "open":
            return has_person & is_awake
        case "waiting":
            return has_person & is_awake & Q(waiting_since__isnull=False)
        case "assistant":
            return Q(mode=Mode.ASSISTANT)
        case "snoozed":
            return Q(snoozed_until__gt=now) & ~Q(mode=Mode.RESOLVED)
        case "resolved":
            return Q(mode=Mode.RESOLVED)
        case _:
            return Q()


def _is_awake(now: datetime) -> Q:
    return Q(snoozed_until=None) | Q(snoozed_until__lte=now)


def _says(text: str, agent: Person) -> Q:
    of_visitor = Q(visitor__name__icontains=text.strip()) | Q(visitor__email__icontains=text.strip())
    try:
        phrases = parsed(text).phrases
    except AssistantError as problem:
        if problem.code != "search.empty":  # no word in it, but perhaps a part of a name
            raise
        phrases = ()
    if not phrases:
        return of_visitor
    theirs = Q(conversation__case__in=cases_of(agent))
    found = SearchText.objects.filter(Q(Says(None, phrases)), theirs).order_by("-written_at")
    return of_visitor | Q(pk__in=set(found.values_list("conversation", flat=True)[:MAX_FOUND]))


def _newest_first(key: datetime, id_: UUID) -> Q:
    return Q(key__lt=key) | Q(key=key, pk__lt=id_)


def _longest_first(key: datetime, id_: UUID) -> Q:
    return Q(key__gt=key) | Q(key=key, pk__gt=id_)


_ORDERS: dict[Order, tuple[tuple[str, str], Any, Callable[[datetime, UUID], Q]]] = {
    "newest": (("-key", "-pk"), Coalesce("last_message_at", "created_at"), _newest_first),
    "waiting": (("key", "pk"), Coalesce("waiting_since", Value(_NEVER)), _longest_first),
}


def _after(cursor: str, is_later: Callable[[datetime, UUID], Q]) -> Q:
    at, _, id_ = cursor.rpartition("_")
    try:
        return is_later(datetime.fromisoformat(at).astimezone(UTC), UUID(id_))
    except (ValueError, OverflowError):
        raise AssistantError("page.invalid_cursor") from None


def _view(row: Any) -> CaseView:
    return CaseView(
        id=row.pk,
        site_id=row.site_id,
        site_name=row.site.name,
        visitor_id=row.visitor_id,
        visitor_name=row.visitor.name or row.visitor.email,
        mode=row.mode,
        reason=row.handoff_reason,
        assignee_id=row.assignee_id,
        assignee_name=(row.assignee.name or str(row.assignee)) if row.assignee else "",
        labels=sorted(label.name for label in row.labels.all()),
        preview=row.preview,
        page=row.page,
        waiting_since=row.waiting_since,
        snoozed_until=row.snoozed_until,
        last_message_at=row.last_message_at,
        satisfaction=row.satisfaction,
        is_unread=not row.is_read,
    )
