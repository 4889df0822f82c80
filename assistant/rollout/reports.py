"""What can be said of a canary, in sentences and figures, for those who decide."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Avg, Count, Q
from django.utils.translation import gettext as _

from assistant.errors import AssistantError
from assistant.rollout import sequential
from assistant.rollout.models import Rollout, RolloutLook


@dataclass(frozen=True, slots=True)
class Shadow:
    """Averages over a candidate's unseen answers; None of nothing."""

    answers: int
    failed: int
    empty: int
    refusals: int
    live_refusals: int
    length_ratio: float | None
    similarity: float | None


def shadow_of(rollout: Rollout) -> Shadow:
    counted = rollout.shadow_answers.aggregate(
        answers=Count("id"),
        failed=Count("id", filter=Q(finish_reason="")),
        empty=Count("id", filter=Q(characters=0)),
        refusals=Count("id", filter=Q(is_refusal=True)),
        live_refusals=Count("id", filter=Q(is_live_refusal=True)),
        similarity=Avg("similarity"),
        characters=Avg("characters"),
        live_characters=Avg("live_characters"),
    )
    characters, live_characters = counted.pop("characters"), counted.pop("live_characters")
    return Shadow(**counted, length_ratio=characters / live_characters if live_characters else None)


def caution_on(rollout: Rollout) -> str:
    """What a canary with few ratings cannot show; "" where it can, or has not begun."""
    if rollout.stage != Rollout.Stage.CANARY or rollout.can_show_benefit:
        return ""
    return AssistantError(
        "rollout.only_harm_shows", expected=rollout.expected_pairs, planned=rollout.planned_pairs
    ).message


def lines_on(rollout: Rollout) -> list[str]:
    """All that is known of what is on its way."""
    lines = [line for line in (caution_on(rollout),) if line]
    shadow = shadow_of(rollout)
    if shadow.answers:
        lines.append(
            _("{answers} answers unseen: {failed} failed, {empty} empty, {refusals} refusals (live {live})").format(
                answers=shadow.answers,
                failed=shadow.failed,
                empty=shadow.empty,
                refusals=shadow.refusals,
                live=shadow.live_refusals,
            )
        )
    look = rollout.looks.order_by("-at").first()
    if look:
        lines += lines_of(look)
    return lines


def lines_of(look: RolloutLook) -> list[str]:
    lines = [
        _("live: {rated} of {people} people rated, {share} of them well").format(
            rated=look.live_rated, people=look.live_people, share=_percent(look.live_positive, look.live_rated)
        ),
        _("candidate: {rated} of {people} people rated, {share} of them well").format(
            rated=look.candidate_rated,
            people=look.candidate_people,
            share=_percent(look.candidate_positive, look.candidate_rated),
        ),
        _("harm: e-value {e_value:.2f} after {pairs} pairs; from {threshold:.0f} on it is taken back").format(
            e_value=look.e_value, pairs=look.pairs, threshold=sequential.HARM_THRESHOLD
        ),
    ]
    if look.z is not None:
        lines.append(_("benefit: z {z:.2f}, needed {boundary:.2f}").format(z=look.z, boundary=look.boundary))
    p = sequential.difference_p(look.live_rated, look.live_people, look.candidate_rated, look.candidate_people)
    if p < 0.01:
        lines.append(_("The arms are not rated equally often (p {p:.3f}): the shares above may mislead.").format(p=p))
    return lines


def _percent(part: float, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"
