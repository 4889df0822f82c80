"""An adapter's ways to being what answers: how far it is, and what was seen on the way."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from assistant.adapters.models import Adapter
from assistant.rollout import reports
from assistant.rollout.models import Rollout, RolloutLook
from assistant.rollout.sequential import HARM_THRESHOLD
from webui.learning.charts import LineChart, line_chart

# As many of the newest looks, and of the rollouts before, as a picture and a list can show.
LOOKS, ROLLOUTS = 200, 10


@dataclass(frozen=True, slots=True)
class RolloutView:
    rollout: Rollout
    last: RolloutLook | None
    charts: list[LineChart]
    # What else is known of one that is on its way.
    lines: list[str]


def rollouts_of(adapter: Adapter) -> list[RolloutView]:
    """Newest first."""
    rows = Rollout.objects.filter(adapter=adapter).select_related("previous", "person")
    return [_view(rollout) for rollout in rows.order_by("-started_at")[:ROLLOUTS]]


def _view(rollout: Rollout) -> RolloutView:
    looks = list(RolloutLook.objects.filter(rollout=rollout).order_by("-at")[:LOOKS])[::-1]

    def hours(look: RolloutLook) -> float:
        return (look.at - rollout.started_at).total_seconds() / 3600

    liked = {
        _("this adapter"): [(hours(x), x.candidate_positive / x.candidate_rated) for x in looks if x.candidate_rated],
        _("what answered before"): [(hours(x), x.live_positive / x.live_rated) for x in looks if x.live_rated],
    }
    harm = {
        _("evidence of harm"): [(hours(look), look.e_value) for look in looks],
        _("taken back at"): [(hours(look), HARM_THRESHOLD) for look in (looks[:1] + looks[-1:] if looks else [])],
    }
    z = {
        _("difference, in standard errors"): [(hours(x), x.z) for x in looks if x.z is not None],
        _("enough to go on"): [(hours(x), x.boundary) for x in looks if x.boundary is not None],
    }
    step = _("hours since it began")
    charts = [
        line_chart(_("People who rate its answers well"), step, _("share of people"), liked, y_from=0.0),
        line_chart(_("Does it do harm?"), step, _("e-value"), harm, y_from=0.0),
        line_chart(_("Is it better?"), step, _("standard errors"), z, y_from=0.0),
    ]
    is_on_its_way = not rollout.end and rollout.stage != Rollout.Stage.FULL
    lines = reports.lines_on(rollout) if is_on_its_way else []
    return RolloutView(rollout, looks[-1] if looks else None, [chart for chart in charts if chart], lines)
