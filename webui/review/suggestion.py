"""What a test of an answer could ask for, guessed from what was changed in it: the reviewer has the last word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.feedback.word_diff import Kind, Segment, words_of

MOST = 3
_MOST_CHARS = 60
_SHORT = 4
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_SENTENCE_END = re.compile(r"\n|[.!?]\s|[。！？]")
# Numbers and names carry the fact; other words may be said in many ways.
_FACT = re.compile(r"\d|[A-Z\u00c0-\u00de]")


def suggested_phrases(changes: Sequence[Segment]) -> dict[str, list[str]]:
    """At most MOST phrases that came in, and as many that went out, those with numbers and capitals first."""
    return {"must_contain": _phrases(changes, "insert"), "must_not_contain": _phrases(changes, "delete")}


def _phrases(changes: Sequence[Segment], kind: Kind) -> list[str]:
    against = _plain("".join(change.text for change in changes if change.kind != kind)).casefold()
    found: list[str] = []
    for at, change in enumerate(changes):
        if change.kind == kind:
            following = "".join(later.text for later in changes[at + 1 :] if later.kind in ("equal", kind))
            *parts, last = _SENTENCE_END.split(change.text)
            found += map(_plain, [*parts, last + _next_word(last, following)])
    phrases = dict.fromkeys(part for part in found if 1 < len(part) <= _MOST_CHARS and part.casefold() not in against)
    return sorted(phrases, key=lambda phrase: not _FACT.search(phrase))[:MOST]


def _next_word(phrase: str, following: str) -> str:
    """What a word needs beside it to say something: "14" is said of anything, "14 days" of this."""
    if len(words_of(phrase)) > 1 and len(phrase) >= _SHORT:
        return ""
    words = words_of(following)[:2]
    return "".join(words if words and not words[0].strip() else words[:1])


def _plain(text: str) -> str:
    return _EDGES.sub("", " ".join(text.split()))
