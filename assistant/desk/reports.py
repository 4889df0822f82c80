"""What the conversations of a desk come to, by day or week: each number is how many cases one condition holds for, and
the same condition finds them.

A conversation counts where it began. Days are those of the reader's time zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import fmean, median
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Avg, Count, Exists, F, Min, OuterRef, Q, QuerySet, Subquery

from assistant.accounts.models import Person
from assistant.chat.models import Conversation, Generation
from assistant.chat.queries import Page
from assistant.desk.access import cases_of, sites_of
from assistant.desk.models import HandoffEvent, Surge, Turn
from assistant.desk.sentiment import NEGATIVE
from assistant.errors import AssistantError

Mode = Conversation.Mode
MAX_DAYS = 370
BASE = "base"

# What can be counted and looked at: name -> which cases, of those `_measured` gives.
MEASURES: dict[str, Q] = {
    "all": Q(),
    "resolved": Q(mode=Mode.RESOLVED),
    "alone": Q(mode=Mode.RESOLVED, was_handed=False),
    "handed": Q(was_handed=True),
    "replied": Q(was_handed=True, first_reply_at__isnull=False),
    "rated": Q(satisfaction__isnull=False),
    "content": Q(satisfaction__gte=4),
    "read": Q(lowest__isnull=False),
    "negative": Q(lowest__lte=NEGATIVE),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which conversations: from the first to the last day, both included. `adapter`: its id, "base", or all."""

    first: date
    last: date
    zone: ZoneInfo
    by_week: bool = False
    site_id: UUID | None = None
    adapter: str = ""

    def __post_init__(self) -> None:
        if not 0 <= (self.last - self.first).days < MAX_DAYS:
            raise AssistantError("report.invalid_range", limit=MAX_DAYS)

    def bucket_of(self, at: datetime) -> date:
        """The day, or the Monday of the week, that a moment belongs to."""
        return self.bucket(at.astimezone(self.zone).date())

    def bucket(self, day: date) -> date:
        return day - timedelta(days=day.weekday()) if self.by_week else day

    def buckets(self) -> list[date]:
        days = (self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))
        return sorted({self.bucket(day) for day in days})

    @property
    def begin(self) -> datetime:
        return datetime.combine(self.first, time(), self.zone)

    @property
    def end(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone)


@dataclass(frozen=True, slots=True)
class Numbers:
    """`counts`: by the names of MEASURES. Shares from 0 to 1, times in seconds; None of nothing."""

    counts: dict[str, int]
    first_reply_s: float | None  # the median, from being handed over to a person's first reply
    satisfaction: float | None  # the mean, 1 to 5
    sentiment: float | None  # the mean over conversations of their own, -1 to 1

    @property
    def alone_share(self) -> float | None:
        return _share(self.counts["alone"], self.counts["resolved"])

    @property
    def handed_share(self) -> float | None:
        return _share(self.counts["handed"], self.counts["all"])

    @property
    def negative_share(self) -> float | None:
        return _share(self.counts["negative"], self.counts["read"])


@dataclass(frozen=True, slots=True)
class Topic:
    """An approved answer's question, or `question` "" for what none is near; its conversations and how they sound."""

    passage_id: UUID | None
    question: str
    conversations: int
    sentiment: float


def cases_in(person: Person, scope: Scope, measure: str = "all") -> QuerySet[Any]:
    """Raises report.unknown_measure."""
    if measure not in MEASURES:
        raise AssistantError("report.unknown_measure")
    handed = HandoffEvent.objects.filter(case=OuterRef("pk"), to_mode__in=(Mode.WAITING, Mode.PERSON)).order_by("at")
    turns = Turn.objects.filter(case=OuterRef("pk")).values("case")
    rows = cases_of(person).filter(created_at__gte=scope.begin, created_at__lt=scope.end)
    if scope.site_id:
        rows = rows.filter(site=scope.site_id)
    if scope.adapter:
        replies = Generation.objects.filter(conversation=OuterRef("pk"), reply__is_draft=False)
        replies = replies.filter(adapter=None if scope.adapter == BASE else _uuid(scope.adapter))
        rows = rows.filter(Exists(replies))
    return rows.annotate(
        was_handed=Exists(handed),
        handed_at=Subquery(handed.values("at")[:1]),
        lowest=Subquery(turns.annotate(n=Min("sentiment")).values("n")),
        mood=Subquery(turns.annotate(n=Avg("sentiment")).values("n")),
    ).filter(MEASURES[measure])


def by_time(person: Person, scope: Scope) -> dict[date, Numbers]:
    """Every day or week of the scope, the first first."""
    return _grouped(person, scope, lambda row: scope.bucket_of(row.created_at), scope.buckets())


def by_site(person: Person, scope: Scope) -> dict[UUID, Numbers]:
    return _grouped(person, scope, lambda row: row.site_id, [])


def in_all(person: Person, scope: Scope) -> Numbers:
    return _grouped(person, scope, lambda row: 0, [0])[0]


def by_adapter(person: Person, scope: Scope) -> dict[str, Numbers]:
    """By id, and "base" for the base model alone. A conversation that two answered counts for both."""
    replies = Generation.objects.filter(conversation__in=cases_in(person, scope).values("pk"), reply__is_draft=False)
    ids = replies.order_by().values_list("adapter", flat=True).distinct()
    scopes = {str(id_) if id_ else BASE: _with_adapter(scope, str(id_) if id_ else BASE) for id_ in ids}
    return {adapter: in_all(person, narrowed) for adapter, narrowed in scopes.items()}


def topics(person: Person, scope: Scope, limit: int = 12) -> list[Topic]:
    """What is asked most, counted in conversations."""
    turns = Turn.objects.filter(case__in=cases_in(person, scope).values("pk"))
    counted = turns.order_by().values("passage", question=F("passage__question"))
    counted = counted.annotate(conversations=Count("case", distinct=True), mood=Avg("sentiment"))
    return [
        Topic(row["passage"], row["question"] or "", row["conversations"], row["mood"])
        for row in counted.order_by("-conversations", "passage")[:limit]
    ]


def surges(person: Person, scope: Scope) -> list[Surge]:
    """The newest first."""
    rows = Surge.objects.filter(site__in=sites_of(person), day__gte=scope.first, day__lte=scope.last)
    if scope.site_id:
        rows = rows.filter(site=scope.site_id)
    return list(rows.select_related("site").order_by("-day", "site")[:30])


def case_list(
    person: Person, scope: Scope, measure: str, topic: str = "", cursor: str | None = None, limit: int = 50
) -> Page[Any]:
    """The cases behind a number, the newest first. `topic`: a passage's id, or "none". Raises report.unknown_measure,
    page.invalid_cursor."""
    rows = cases_in(person, scope, measure).select_related("site", "visitor__person", "assignee")
    if topic:
        of_topic = Q(passage=None) if topic == "none" else Q(passage=_uuid(topic))
        rows = rows.filter(Exists(Turn.objects.filter(of_topic, case=OuterRef("pk"))))
    if cursor:
        rows = rows.filter(pk__lt=_uuid(cursor))
    found = list(rows.order_by("-pk")[: limit + 1])  # ids are of the time at which they began
    return Page(found[:limit], str(found[limit - 1].pk) if len(found) > limit else None)


def _grouped(person: Person, scope: Scope, key_of: Callable[[Any], Any], keys: list[Any]) -> dict[Any, Numbers]:
    groups: dict[Any, list[Any]] = {key: [] for key in keys}
    for row in _rows(person, scope):
        groups.setdefault(key_of(row), []).append(row)
    return {key: _numbers(rows) for key, rows in groups.items()}


def _rows(person: Person, scope: Scope) -> Iterator[Any]:
    wanted = ("created_at", "site", "mode", "first_reply_at", "satisfaction")
    return cases_in(person, scope).only(*wanted).order_by().iterator()


def _numbers(rows: list[Any]) -> Numbers:
    waits = [max(0.0, (row.first_reply_at - row.handed_at).total_seconds()) for row in rows if _holds("replied", row)]
    ratings = [row.satisfaction for row in rows if row.satisfaction is not None]
    moods = [row.mood for row in rows if row.mood is not None]
    return Numbers(
        counts={name: sum(_holds(name, row) for row in rows) for name in MEASURES},
        first_reply_s=median(waits) if waits else None,
        satisfaction=fmean(ratings) if ratings else None,
        sentiment=fmean(moods) if moods else None,
    )


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": lambda value, wanted: bool(value == wanted),
    "isnull": lambda value, wanted: (value is None) == wanted,
    "gte": lambda value, wanted: value is not None and value >= wanted,
    "lte": lambda value, wanted: value is not None and value <= wanted,
}


def _holds(measure: str, row: Any) -> bool:
    """The same condition as the database's, on a row that has been read."""
    for name, wanted in cast(list[tuple[str, Any]], MEASURES[measure].children):
        field, _, test = name.partition("__")
        if not _TESTS[test or "exact"](getattr(row, field), wanted):
            return False
    return True


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _with_adapter(scope: Scope, adapter: str) -> Scope:
    return Scope(scope.first, scope.last, scope.zone, scope.by_week, scope.site_id, adapter)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise AssistantError("page.invalid_cursor") from None
