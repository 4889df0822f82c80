"""What a person asks of the search, as words and filters, and as the databases want to be asked. Whatever was typed,
only words in their plainest form reach a database, so nothing of it can be taken for the database's own syntax."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Expression
from django.db.models.sql.compiler import SQLCompiler

from assistant.errors import AssistantError
from assistant.words import normalised

MAX_CHARS = 200
_PART = re.compile(r'(?:(?P<filter>is|in):)?(?:"(?P<quoted>[^"]*)"?|(?P<bare>[^\s"]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand beside one another; of an open one's last word perhaps only the beginning is known."""

    words: tuple[str, ...]
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """All phrases stand in one text. Without any, what the filters leave is meant."""

    phrases: tuple[Phrase, ...]
    is_pinned: bool = False
    is_archived: bool = False
    folder: str | None = None


def parsed(text: str) -> SearchQuery:
    """Words that were typed without a space between them ("e-mail", Chinese) are a phrase, as are "quoted words".
    Raises search.empty and search.too_long."""
    if len(text) > MAX_CHARS:
        raise AssistantError("search.too_long", length=len(text), limit=MAX_CHARS)
    phrases: list[Phrase] = []
    states: set[str] = set()
    folder = None
    for part in _PART.finditer(text):
        kind, value = (part["filter"] or "").lower(), part["bare"] or part["quoted"]
        if kind == "in":
            folder = normalised(value) or folder
        elif kind == "is" and value.lower() in ("pinned", "archived"):
            states.add(value.lower())
        elif value.lower() in ("is:", "in:"):
            continue  # a filter that is still being typed
        elif words := normalised(f"{kind} {value}").split():
            phrases.append(Phrase(tuple(words)))
    if phrases and not text.rstrip().endswith('"'):  # the last word may still be being typed
        phrases[-1] = replace(phrases[-1], is_open=True)
    if not (phrases or states or folder):
        raise AssistantError("search.empty")
    return SearchQuery(tuple(phrases), "pinned" in states, "archived" in states, folder)


class Says(Expression):
    """Whether a SearchText is of this owner (None: of anybody, which the caller then narrows) and says all of these
    phrases."""

    output_field = BooleanField()

    def __init__(self, owner_id: UUID | None, phrases: tuple[Phrase, ...]) -> None:
        super().__init__()
        self.owner_id, self.phrases = owner_id, phrases

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        said = " AND ".join(f'"{" ".join(phrase.words)}"{"*" if phrase.is_open else ""}' for phrase in self.phrases)
        rows = "SELECT rowid FROM assistant_searchindex WHERE assistant_searchindex MATCH %s"
        owned = f'owner_id : "{self.owner_id.hex}" AND ' if self.owner_id else ""
        return f"assistant_searchtext.id IN ({rows})", [f"{owned}body : ({said})"]

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        """The index finds the texts that have all the words; whether those of a phrase stand together is looked up.
        (Not by LIKE: the planner takes that for so rare that it joins as if one row were left.)"""
        words, beside = [f"'{self.owner_id}'"] if self.owner_id else [], []
        for phrase in self.phrases:
            words += [f"'{word}'" for word in phrase.words]
            words[-1] += ":*" if phrase.is_open else ""
            if len(phrase.words) > 1:
                beside.append(f" {' '.join(phrase.words)}{'' if phrase.is_open else ' '}")
        stand_together = " AND strpos(' ' || assistant_searchtext.body || ' ', %s) > 0" * len(beside)
        return f"(assistant_searchtext.words @@ %s::tsquery{stand_together})", [" & ".join(words), *beside]
