"""What a test of an answer could ask for, guessed from what was changed in it: the reviewer has the last word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.feedback.word_diff import Kind, Segment

MOST = 3
_MOST_CHARS = 60
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_SENTENCE_END = re.compile(r"\n|[.!?]\s|[。！？]")
# Numbers and names carry the fact; other words may be said in many ways.
_FACT = re.compile(r"\d|[A-Z\u00c0-\u00de]")


def suggested_phrases(changes: Sequence[Segment]) -> dict[str, list[str]]:
    """At most MOST phrases that came in, and as many that went out, those with numbers and capitals first."""
    return {"must_contain": _phrases(changes, "insert"), "must_not_contain": _phrases(changes, "delete")}


def _phrases(changes: Sequence[Segment], kind: Kind) -> list[str]:
    other = {"insert": "delete", "delete": "insert"}[kind]
    against = " ".join(_plain(change.text) for change in changes if change.kind in ("equal", other)).casefold()
    texts = (change.text for change in changes if change.kind == kind)
    found = (_plain(part) for text in texts for part in _SENTENCE_END.split(text))
    phrases = dict.fromkeys(part for part in found if 1 < len(part) <= _MOST_CHARS and part.casefold() not in against)
    return sorted(phrases, key=lambda phrase: not _FACT.search(phrase))[:MOST]


def _plain(text: str) -> str:
    return _EDGES.sub("", " ".join(text.split()))
