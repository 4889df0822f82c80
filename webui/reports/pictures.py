"""The curves of a report: what the table has, by day or week."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from assistant.desk.reports import Numbers
from webui.learning.charts import LineChart, Tick, line_chart

Value = Callable[[Numbers], float | None]


def pictures(numbers: Mapping[date, Numbers], by_week: bool) -> list[LineChart]:
    x_name = _("Week") if by_week else _("Day")
    charts = [
        _chart(pgettext("how many", "Conversations"), x_name, numbers, 0.0, {
            _("all"): lambda n: n.counts["all"],
            _("handed to a person"): lambda n: n.counts["handed"],
            _("resolved without a person"): lambda n: n.counts["alone"],
        }),
        _chart(_("Shares, in per cent"), x_name, numbers, 0.0, {
            _("handed to a person"): lambda n: _percent(n.handed_share),
            _("resolved without a person"): lambda n: _percent(n.alone_share),
            _("negative"): lambda n: _percent(n.negative_share),
        }),
        _chart(_("First reply by a person, in minutes"), x_name, numbers, 0.0, {
            _("median"): lambda n: None if n.first_reply_s is None else n.first_reply_s / 60,
        }),
        _chart(_("Satisfaction, 1 to 5"), x_name, numbers, None, {_("mean"): lambda n: n.satisfaction}),
        _chart(_("Mood, −1 to 1"), x_name, numbers, 0.0, {_("mean"): lambda n: n.sentiment}),
    ]  # fmt: skip
    return [chart for chart in charts if chart]


def _chart(
    title: str, x_name: str, numbers: Mapping[date, Numbers], y_from: float | None, lines: Mapping[str, Value]
) -> LineChart | None:
    buckets = list(numbers)
    series = {
        name: [(float(at), value) for at, each in enumerate(numbers.values()) if (value := value_of(each)) is not None]
        for name, value_of in lines.items()
    }
    chart = line_chart(title, x_name, title, series, y_from)
    if chart is None:
        return None
    places = range(len(buckets))
    # The axis counts days; people read dates.
    ticks = [Tick(tick.at, f"{buckets[int(tick.label)]:%m-%d}") for tick in chart.x_ticks if int(tick.label) in places]
    return replace(chart, x_ticks=ticks)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
