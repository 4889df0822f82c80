"""Puts what belongs together into one group and every group into one split, for good.

Together belong: one conversation, the same question, nearly the same question, the same answer to be learned. An
example takes the split of what it is linked to; what is linked to two splits is left out of both, because it would
carry one into the other. So a test item is never trained on, in whatever order examples come, and none ever changes
its split.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from assistant.finetuning.candidates import Candidate
from assistant.finetuning.near_duplicates import pairs, plain

TRAIN, DEV, TEST = "train", "dev", "test"
# The first split whose bound a group's number in [0, 1) is below.
BOUNDS = ((TRAIN, 0.7), (DEV, 0.8), (TEST, 1.0))
HELD_OUT_PEOPLE = 0.1
# Of fewer people, one held out could be all there is.
HELD_OUT_FROM = 10
# Shorter ones ("Yes.") are said for many reasons.
_ANSWER_CHARS = 20


@dataclass(slots=True)
class Assignment:
    """`placed`: example -> (group, split). `refused`: example -> why it is in no split."""

    placed: dict[UUID, tuple[str, str]] = field(default_factory=dict)
    refused: dict[UUID, str] = field(default_factory=dict)


def assign(candidates: Sequence[Candidate], salt: str) -> Assignment:
    """Those that have a split keep it, and the others find theirs in the order of their ids, which is that of time. Not
    even the keeping is trusted: what links two splits is refused whatever it was before."""
    assignment, groups = Assignment(), _Groups()
    near, held_out = _near_questions(candidates), _held_out(candidates, salt)
    for candidate in sorted(candidates, key=_turn):
        keys = list(_keys(candidate, near))
        splits = groups.splits_at(keys) | ({candidate.split} if candidate.split else set())
        if candidate.person_id in held_out:
            splits.add(TEST)
        if len(splits) > 1:
            assignment.refused[candidate.id] = "bridges_splits"
            continue
        name = candidate.group or _hash(salt, "group", candidate.question)
        split = splits.pop() if splits else split_of(name, salt)
        groups.place(candidate.id, name, split, keys, own=_own_keys(candidate))
    assignment.placed = groups.placed()
    return assignment


def split_of(group: str, salt: str) -> str:
    number = _number(salt, "split", group)
    return next(split for split, bound in BOUNDS if number < bound)


def is_held_out(person_id: UUID, salt: str) -> bool:
    """Whether all of a person's examples are for the test: how well does it do for people it has not learned from?"""
    return _number(salt, "person", person_id.hex) < HELD_OUT_PEOPLE


def _held_out(candidates: Sequence[Candidate], salt: str) -> set[UUID | None]:
    """Not who has been learned from already, when there were fewer people: that cannot be taken back."""
    people = {candidate.person_id for candidate in candidates if candidate.person_id}
    learned_from = {candidate.person_id for candidate in candidates if candidate.split in (TRAIN, DEV)}
    if len(people) < HELD_OUT_FROM:
        return set()
    return {person_id for person_id in people - learned_from if is_held_out(person_id, salt)}


class _Groups:
    """Disjoint sets of placed examples, found by the keys that link them."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}  # name of a group -> one it was joined to
        self._split: dict[str, str] = {}
        self._name_of: dict[UUID, str] = {}
        self._at: dict[str, str] = {}  # key -> name of a group that has it

    def splits_at(self, keys: Sequence[str]) -> set[str]:
        return {self._split[self._root(self._at[key])] for key in keys if key in self._at}

    def place(self, id_: UUID, name: str, split: str, keys: Sequence[str], *, own: Sequence[str]) -> None:
        linked = {self._root(self._at[key]) for key in keys if key in self._at}
        # A name of another split: its question was asked in both, before one of them was erased.
        while name in self._parent and self._split[self._root(name)] != split:
            name = _hash(name)
        self._parent.setdefault(name, name)
        names = linked | {self._root(name)}
        root = min(names)
        for joined in names:
            self._parent[joined] = root
        self._split[root] = split
        self._name_of[id_] = root
        for key in own:
            self._at.setdefault(key, root)

    def placed(self) -> dict[UUID, tuple[str, str]]:
        return {id_: (root := self._root(name), self._split[root]) for id_, name in self._name_of.items()}

    def _root(self, name: str) -> str:
        while self._parent[name] != name:
            self._parent[name] = self._parent[self._parent[name]]
            name = self._parent[name]
        return name


def _turn(candidate: Candidate) -> tuple[int, UUID]:
    """Tests first: where the rules have become stricter since, it is the training that gives way."""
    return (TEST, DEV, TRAIN, "").index(candidate.split), candidate.id


def _own_keys(candidate: Candidate) -> list[str]:
    keys = [f"question:{candidate.question}"]
    if candidate.bundle:
        keys.append(f"bundle:{candidate.bundle}")
    if len(answer := plain(candidate.target)) >= _ANSWER_CHARS:
        keys.append(f"answer:{answer}")
    return keys


def _keys(candidate: Candidate, near: dict[str, set[str]]) -> Iterator[str]:
    yield from _own_keys(candidate)
    for question in near.get(candidate.question, ()):
        yield f"question:{question}"


def _near_questions(candidates: Sequence[Candidate]) -> dict[str, set[str]]:
    near: dict[str, set[str]] = defaultdict(set)
    for one, other in pairs(candidate.question for candidate in candidates):
        near[one].add(other)
        near[other].add(one)
    return near


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _number(*parts: str) -> float:
    """Evenly in [0, 1)."""
    return int(_hash(*parts)[:13], 16) / 16**13
