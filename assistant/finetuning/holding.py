"""Finds what looks like somebody's campaign rather than somebody's opinion, and holds it back until staff has looked.

Who rates all alike, who rates faster than anybody reads, who says one thing to every question, and words that few
people bring into many answers. What staff wrote or released is never held.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise
from math import copysign, log, sqrt
from uuid import UUID

from assistant.feedback.models import FeedbackEvent
from assistant.finetuning.candidates import Candidate
from assistant.finetuning.models import Example
from assistant.finetuning.near_duplicates import pairs, plain

Source = Example.Source
# What nobody has read before it is learned from.
UNREAD = (Source.RATING, Source.COMPARISON, Source.REGENERATE_PICK)

# What `held` may say.
REASONS = ("constant_rater", "burst", "copied_answer", "entity_spike")

CONSTANT_SHARE, CONSTANT_FROM = 0.95, 20
BURST, BURST_WITHIN = 10, timedelta(minutes=1)
COPY_QUESTIONS, COPY_CHARS = 3, 20
# A word is a campaign's where FEW people bring MOST of it; among fewer people than CROWD that tells nothing.
SPIKE_Z, SPIKE_ROWS = 4.0, 8
FEW, MOST, CROWD = 3, 0.75, 10


def held(candidates: Sequence[Candidate]) -> dict[UUID, str]:
    """Example -> why it is held back."""
    suspects = [candidate for candidate in candidates if not (candidate.is_trusted or candidate.is_released)]
    return _spikes(suspects, candidates) | _copies(suspects) | _bursts(suspects) | _constants(suspects)


def _constants(suspects: Sequence[Candidate]) -> dict[UUID, str]:
    by_person: dict[UUID | None, list[Candidate]] = defaultdict(list)
    for candidate in suspects:
        if candidate.source == Source.RATING:
            by_person[candidate.person_id].append(candidate)
    found: dict[UUID, str] = {}
    for ratings in by_person.values():
        ups = sum(bool(rating.label) for rating in ratings)
        if len(ratings) >= CONSTANT_FROM and max(ups, len(ratings) - ups) > CONSTANT_SHARE * len(ratings):
            found |= {rating.id: "constant_rater" for rating in ratings}
    return found


def _bursts(suspects: Sequence[Candidate]) -> dict[UUID, str]:
    unread = [candidate for candidate in suspects if candidate.source in UNREAD]
    events = FeedbackEvent.objects.filter(rater__in={candidate.person_id for candidate in unread})
    times = defaultdict(list)
    for rater_id, at, message_id in events.order_by("at").values_list("rater", "at", "message"):
        times[rater_id].append((at, message_id))
    in_burst: set[tuple[UUID, UUID]] = set()
    for rater_id, rows in times.items():
        begin = 0
        for end, (at, _) in enumerate(rows):
            while at - rows[begin][0] > BURST_WITHIN:
                begin += 1
            messages = {message_id for _, message_id in rows[begin : end + 1]}
            if len(messages) >= BURST:
                in_burst |= {(rater_id, message_id) for message_id in messages}
    return {row.id: "burst" for row in unread if (row.person_id, row.message_id) in in_burst}


def _copies(suspects: Sequence[Candidate]) -> dict[UUID, str]:
    """The same words as the answer to several questions that have nothing in common."""
    rows = [row for row in suspects if row.source == Source.CORRECTION and len(row.target) >= COPY_CHARS]
    questions = _clusters({row.question for row in rows})
    asked: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        asked[plain(row.target)].add(questions[row.question])
    # Not by chains: over enough steps, anything is near to anything.
    with_near = {answer: set(itself) for answer, itself in asked.items()}
    for one, other in pairs(asked):
        with_near[one] |= asked[other]
        with_near[other] |= asked[one]
    return {row.id: "copied_answer" for row in rows if len(with_near[plain(row.target)]) >= COPY_QUESTIONS}


def _spikes(suspects: Sequence[Candidate], candidates: Sequence[Candidate]) -> dict[UUID, str]:
    """Words that FEW people bring into their corrections again and again, without having been asked, and that stand in
    hardly any other answer."""
    rows = [row for row in suspects if row.source == Source.CORRECTION]
    if len({row.person_id for row in rows}) < CROWD:
        return {}
    person_of = {row.message_id: row.person_id for row in rows}
    corrections = {row.message_id: _brought(row, row.target) for row in rows}
    # All other answers: what the model said, and what staff wrote.
    others = [_brought(row, text) for row in candidates for text in row.answers if text != row.target or row.is_trusted]
    elsewhere = Counter(word for words in others for word in words)
    brought_by: dict[str, Counter[UUID | None]] = defaultdict(Counter)
    for message_id, words in corrections.items():
        for word in words:
            brought_by[word][person_of[message_id]] += 1
    of_person = Counter(person_of.values())
    campaigns = set()
    for word, people in brought_by.items():
        few = dict(people.most_common(FEW))
        now, all_ = sum(few.values()), people.total() + elsewhere[word]
        if now >= max(SPIKE_ROWS, MOST * people.total()):
            of_few = sum(of_person[person_id] for person_id in few)
            if spike_z(now, of_few, all_ - now, len(corrections) + len(others) - of_few) > SPIKE_Z:
                campaigns.add(word)
    return {row.id: "entity_spike" for row in rows if campaigns & corrections[row.message_id]}


def spike_z(now: int, of_now: int, before: int, of_before: int) -> float:
    """How surely the log-odds of a word have risen, from `before` of `of_before` answers to `now` of `of_now`: the
    signed root of the likelihood ratio, near to normal also where counts are small or zero (Dunning, Computational
    Linguistics 19(1), 1993)."""
    if not of_now or not of_before:
        return 0.0
    pooled = (now + before) / (of_now + of_before)
    gain = _log_likelihood(now, of_now, now / of_now) - _log_likelihood(now, of_now, pooled)
    gain += _log_likelihood(before, of_before, before / of_before) - _log_likelihood(before, of_before, pooled)
    return copysign(sqrt(max(0.0, 2 * gain)), now / of_now - before / of_before)


def _log_likelihood(count: int, of: int, share: float) -> float:
    return (count * log(share) if count else 0.0) + ((of - count) * log(1 - share) if count < of else 0.0)


def _brought(row: Candidate, text: str) -> set[str]:
    """The words of an answer that its prompt has not."""
    return _words(text) - _words(row.prompt_text)


def _words(text: str) -> set[str]:
    """Where each character counts as a word, as in Chinese, two in a row are one as well."""
    words = plain(text).split()
    return {*words, *(one + other for one, other in pairwise(words) if len(one) == len(other) == 1)}


def _clusters(texts: Iterable[str]) -> dict[str, str]:
    """Each text -> the one that stands for all that are near to it, directly or by others."""
    parent = {text: text for text in texts}

    def root(text: str) -> str:
        while parent[text] != text:
            text = parent[text]
        return text

    for one, other in pairs(parent):
        parent[root(other)] = root(one)
    return {text: root(text) for text in parent}
