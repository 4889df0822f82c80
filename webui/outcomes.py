"""What became of feedback, in words: the steps of a piece's way, one sentence on where it stands, and the notice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from assistant.outcomes.life import Life
from assistant.outcomes.news import News

Text = str | Promise

REASONS: dict[str, Text] = {
    "incorrect": gettext_lazy("Not correct"),
    "did_not_follow": gettext_lazy("Did not follow what I asked"),
    "not_helpful": gettext_lazy("Not helpful"),
    "too_long": gettext_lazy("Too long"),
    "too_short": gettext_lazy("Too short"),
    "unsafe": gettext_lazy("Unsafe or offensive"),
    "wrong_language": gettext_lazy("Wrong language"),
    "correct": gettext_lazy("Correct"),
    "clear": gettext_lazy("Clear"),
    "well_written": gettext_lazy("Well written"),
    "right_length": gettext_lazy("Just the right length"),
    "other": gettext_lazy("Something else"),
}
VERDICTS: dict[str, Text] = {
    "left": gettext_lazy("You found the left answer better."),
    "right": gettext_lazy("You found the right answer better."),
    "tie": gettext_lazy("You found both answers equally good."),
    "neither": gettext_lazy("You found both answers bad."),
}
COMPARED: dict[str, Text] = {
    "better": gettext_lazy("Better"),
    "same": gettext_lazy("The same"),
    "worse": gettext_lazy("Worse"),
}
_REVIEWED: dict[str, tuple[Text, bool]] = {
    "accepted": (gettext_lazy("Accepted"), True),
    "edited": (gettext_lazy("Accepted, with changes"), True),
    "rejected": (gettext_lazy("Not accepted"), False),
    "skipped": (gettext_lazy("Left undecided"), False),
}
_NOT_ALLOWED: dict[str, Text] = {
    "not_consented": gettext_lazy("You have not allowed training"),
    "excluded": gettext_lazy("You excluded this conversation"),
    "temporary": gettext_lazy("A temporary chat is not learned from"),
}
_HELD: dict[str, Text] = {
    "unusual": gettext_lazy("Held back: it looks unlike what people usually say, so somebody has to look first"),
    "share": gettext_lazy("Held back: new people, and any one person, count only so much"),
    "contradicted": gettext_lazy("Held back: others say the opposite"),
    "kept_for_tests": gettext_lazy("Held back, so that tests stay fair"),
    "unusable": gettext_lazy("Held back: its text would confuse the model"),
}
_JUDGED: dict[str, Text] = {
    "pass": gettext_lazy("{adapter} passed its test and is not live yet"),
    "fail": gettext_lazy("{adapter} did not pass its test"),
    "not_enough_evidence": gettext_lazy("{adapter} was tested; there is not enough evidence yet that it is better"),
}

State = Literal["done", "now", "stopped", "ahead", "none"]


@dataclass(frozen=True, slots=True)
class Step:
    """`none`: not needed for this piece; `now`: what it waits for."""

    name: Text
    state: State
    text: Text = ""
    at: datetime | None = None


def steps_of(life: Life) -> list[Step]:
    """Received, reviewed, learned, live, asked again. What stops it ends what can be said of the rest."""
    steps = [
        Step(_("Received"), "done", at=life.received_at),
        _reviewed(life),
        _learned(life),
        _live(life),
        _again(life),
    ]
    for at, step in enumerate(steps):
        if step.state in ("now", "stopped"):
            return steps[: at + 1] + [Step(later.name, "ahead") for later in steps[at + 1 :]]
    return steps


def sentence_of(life: Life) -> str:
    """Where it stands: the last step that can be said something of."""
    last = [step for step in steps_of(life) if step.state not in ("ahead", "none")][-1]
    return f"{last.name}: {last.text}" if last.text else str(last.name)


def notice_of(news: News) -> str:
    if news.kind == "declined":
        return ngettext(
            "A reviewer decided not to use something that you corrected.",
            "A reviewer decided not to use {count} things that you corrected.",
            news.count,
        ).format(count=news.count)
    if news.kind == "live":
        return ngettext(
            "What you said about an answer is live since {adapter}.",
            "What you said about {count} answers is live since {adapter}.",
            news.count,
        ).format(count=news.count, adapter=news.adapter)
    if news.verdict == "better":
        return _("Your question was asked again: {adapter} answers it better now.").format(adapter=news.adapter)
    return ngettext(
        "A question of yours that you gave feedback on was asked again. See how {adapter} answers it now.",
        "{count} questions of yours that you gave feedback on were asked again. See how {adapter} answers them now.",
        news.count,
    ).format(count=news.count, adapter=news.adapter)


def _reviewed(life: Life) -> Step:
    name, stages = _("Reviewed"), life.stages
    if stages.review in _REVIEWED:
        text, goes_on = _REVIEWED[stages.review]
        return Step(name, "done" if goes_on else "stopped", text, stages.reviewed_at)
    if stages.review and life.use == "allowed":
        return Step(name, "now", _("Waiting for a reviewer"))
    return Step(name, "none", _("Not needed"))


def _learned(life: Life) -> Step:
    name, stages = _("Learned"), life.stages
    if stages.trained_at:
        text = _("In {adapter}") if stages.split == "train" else _("Not learned, kept to test {adapter}")
        return Step(name, "done", text.format(adapter=stages.adapter), stages.trained_at)
    if stages.dataset_at:
        return Step(name, "now", _("In the dataset for the next training"), stages.dataset_at)
    if life.use != "allowed":
        return Step(name, "stopped", _NOT_ALLOWED[life.use])
    if stages.held:
        return Step(name, "stopped", _HELD[stages.held])
    return Step(name, "now", _("Waiting for the next training"))


def _live(life: Life) -> Step:
    name, stages = _("Live"), life.stages
    if stages.live_at:
        if stages.is_live:
            return Step(name, "done", _("Since {adapter}").format(adapter=stages.adapter), stages.live_at)
        return Step(
            name, "stopped", _("{adapter} was live and no longer is").format(adapter=stages.adapter), stages.live_at
        )
    if stages.gate:
        text = str(_JUDGED[stages.gate]).format(adapter=stages.adapter)
        return Step(name, "now", text, stages.judged_at)
    return Step(name, "now", _("{adapter} is being tested").format(adapter=stages.adapter))


def _again(life: Life) -> Step:
    name, again = _("Asked again"), life.again
    if again is None:
        return Step(name, "now", _("When nobody else waits for an answer"))
    return Step(name, "done", COMPARED.get(again.verdict, ""), again.finished_at)
