"""Makes one row of what several people said alike, and none of what they contradict each other in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from assistant.finetuning.candidates import Candidate
from assistant.finetuning.near_duplicates import are_near, pairs

MAX_WEIGHT = 1.0
# By so many votes one side must be ahead where both have some.
CLEAR_LEAD = 2


@dataclass(slots=True)
class Merged:
    """A row: the example it is written from, its weight, and the others that say the same."""

    candidate: Candidate
    weight: float
    others: list[Candidate] = field(default_factory=list)


def contradictions(candidates: Sequence[Candidate]) -> dict[UUID, str]:
    """Verdicts on the same texts that go both ways: the fewer are dropped where the others are CLEAR_LEAD ahead, else
    all are. What staff wrote is no vote."""
    votes: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if candidate.kind != "sft" and not candidate.is_trusted:
            votes[candidate.matter_sha256].append(candidate)
    dropped: dict[UUID, str] = {}
    for cast in votes.values():
        ayes = [candidate for candidate in cast if candidate.side]
        noes = [candidate for candidate in cast if not candidate.side]
        if ayes and noes:
            lead = len(ayes) - len(noes)
            lost = cast if abs(lead) < CLEAR_LEAD else (noes if lead > 0 else ayes)
            dropped |= {candidate.id: "contradicted" for candidate in lost}
    return dropped


def merge(candidates: Sequence[Candidate], weights: dict[UUID, float]) -> list[Merged]:
    """Rows in the order of ids. The first of each content stands for all; one that is nearly the same in question and
    in answers as an earlier row is merged into it. Questions that are near while their answers are not stay apart."""
    rows: list[Merged] = []
    by_content: dict[str, Merged] = {}
    by_question: dict[str, list[Merged]] = defaultdict(list)
    near = _near_or_same({candidate.question for candidate in candidates})
    for candidate in sorted(candidates, key=lambda candidate: candidate.id):
        row = by_content.get(candidate.content_sha256)
        if row is None:
            earlier = (row for question in near[candidate.question] for row in by_question[question])
            alike = [row for row in earlier if _say_the_same(row.candidate, candidate)]
            row = min(alike, key=lambda row: row.candidate.id, default=None)
        if row is None:
            row = Merged(candidate, 0.0)
            rows.append(row)
            by_question[candidate.question].append(row)
        else:
            row.others.append(candidate)
        by_content.setdefault(candidate.content_sha256, row)
        row.weight = min(row.weight + weights[candidate.id], MAX_WEIGHT)
    return rows


def _say_the_same(one: Candidate, other: Candidate) -> bool:
    return (
        (one.kind, one.label) == (other.kind, other.label)
        and are_near(one.prompt_text, other.prompt_text)
        and all(map(are_near, one.answers, other.answers))
    )


def _near_or_same(questions: set[str]) -> dict[str, list[str]]:
    near = {question: [question] for question in questions}
    for one, other in pairs(questions):
        near[one].append(other)
        near[other].append(one)
    return near
