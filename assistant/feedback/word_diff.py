"""What was changed between two texts, word by word. Chinese, Japanese and Korean signs are words of their own, because
no spaces divide them. Knows nothing of reviews."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

Kind = Literal["equal", "delete", "insert"]

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
# A word or a sign with the spaces behind it, which are compared with it: counted alone they would be half of all.
_TOKEN = re.compile(rf"(?:[{_CJK}]|[^\W_{_CJK}]+|[^\S\n]+|[\W_])[^\S\n]*")
# How many pairs of equal words difflib may look at, again for each change: texts made for it take half a second then,
# and would take hours. Prose has so many with 1,700 words between its first and its last change.
_MOST_PAIRS = 50_000


@dataclass(frozen=True, slots=True)
class Segment:
    """The texts of all that is not `insert` are the text before, of all that is not `delete` the text after."""

    kind: Kind
    text: str


def segments(before: str, after: str) -> list[Segment]:
    """The changes from `before` to `after`; what was deleted stands before what was put in its place."""
    old, new = words_of(before), words_of(after)
    begin = _common(old, new)
    end = _common(old[begin:][::-1], new[begin:][::-1])
    middle = _changes(old[begin : len(old) - end], new[begin : len(new) - end])
    return list(_joined([("equal", old[:begin]), *middle, ("equal", old[len(old) - end :])]))


def words_of(text: str) -> list[str]:
    """The words and signs of a text, each with the space behind it."""
    return _TOKEN.findall(text)


def _changes(old: list[str], new: list[str]) -> Iterator[tuple[Kind, list[str]]]:
    counts = Counter(new)
    if sum(counts[word] for word in old) > _MOST_PAIRS:
        yield from (("delete", old), ("insert", new))
        return
    found = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for at, (kind, a, b, c, d) in enumerate(found):
        # One word alone that stayed between two changes is chance, and reading around it is work.
        is_chance = b - a == 1 and 0 < at < len(found) - 1
        if kind == "equal" and not is_chance:
            yield "equal", old[a:b]
        else:
            yield from (("delete", old[a:b]), ("insert", new[c:d]))


def _joined(parts: Sequence[tuple[Kind, list[str]]]) -> Iterator[Segment]:
    """What follows one another of changes as one deletion and one insertion, without the space behind both."""
    space = ""
    for is_equal, run in groupby((part for part in parts if part[1]), key=lambda part: part[0] == "equal"):
        texts: dict[Kind, str] = {"equal": space, "delete": "", "insert": ""}
        for kind, words in run:
            texts[kind] += "".join(words)
        space = "" if is_equal else _common_space(texts["delete"], texts["insert"])
        for kind in ("delete", "insert"):
            texts[kind] = texts[kind].removesuffix(space)
        yield from (Segment(kind, text) for kind, text in texts.items() if text)
    if space:
        yield Segment("equal", space)


def _common_space(one: str, other: str) -> str:
    ends = [text[len(text.rstrip()) :] for text in (one, other)]
    return ends[0] if ends[0] == ends[1] else ""


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """How many words at the beginning are the same."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count
