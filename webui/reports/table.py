"""The numbers of a report as cells: what stands in them, and which conversations are behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from assistant.desk.reports import Numbers, Scope
from webui.reports.asked import query_of


@dataclass(frozen=True, slots=True)
class Column:
    """`measure`: of assistant.desk.reports, whose cases the number opens. `kind`: how it is written."""

    name: Any
    measure: str
    kind: str
    value: Callable[[Numbers], float | None]


COLUMNS = (
    Column(pgettext_lazy("how many", "Conversations"), "all", "count", lambda n: n.counts["all"]),
    Column(_("Handed to a person"), "handed", "count", lambda n: n.counts["handed"]),
    Column(_("Share handed over"), "handed", "share", lambda n: n.handed_share),
    Column(_("Resolved"), "resolved", "count", lambda n: n.counts["resolved"]),
    Column(_("Without a person"), "alone", "count", lambda n: n.counts["alone"]),
    Column(_("Share of the resolved"), "alone", "share", lambda n: n.alone_share),
    Column(_("First reply by a person"), "replied", "seconds", lambda n: n.first_reply_s),
    Column(_("Ratings"), "rated", "count", lambda n: n.counts["rated"]),
    Column(_("Satisfaction, 1 to 5"), "rated", "mean", lambda n: n.satisfaction),
    Column(_("Negative"), "negative", "count", lambda n: n.counts["negative"]),
    Column(_("Share negative"), "negative", "share", lambda n: n.negative_share),
    Column(_("Mood, −1 to 1"), "read", "mean", lambda n: n.sentiment),
)


@dataclass(frozen=True, slots=True)
class Cell:
    name: Any
    value: float | None
    kind: str
    query: str


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    cells: list[Cell]


def row(name: str, numbers: Numbers, scope: Scope, **changes: Any) -> Row:
    """`changes`: what the address of the cases says differently from that of the report."""
    return Row(
        name,
        [
            Cell(each.name, each.value(numbers), each.kind, query_of(scope, what=each.measure, **changes))
            for each in COLUMNS
        ],
    )


def days(bucket: date, scope: Scope) -> dict[str, Any]:
    """What the address of one bucket's cases says differently."""
    last = min(bucket + timedelta(days=6), scope.last) if scope.by_week else bucket
    return {"first": max(bucket, scope.first).isoformat(), "last": last.isoformat(), "by": None}


def rows_by_time(numbers: Mapping[date, Numbers], scope: Scope) -> list[Row]:
    return [row(bucket.isoformat(), each, scope, **days(bucket, scope)) for bucket, each in numbers.items()]


def harmless(value: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def as_csv(rows: Iterable[Row]) -> Iterable[list[str]]:
    """The head first; numbers as numbers, so that a machine can go on with them."""
    yield ["", *(harmless(str(each.name)) for each in COLUMNS)]
    for each in rows:
        values = ("" if cell.value is None else f"{cell.value:.4g}" for cell in each.cells)
        # A number below zero is one, and not a formula.
        yield [harmless(each.name), *values]
