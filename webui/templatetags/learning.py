"""How the pages of the learning loop write figures and names."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext as _

from assistant.errors import failure_message
from assistant.finetuning.models import Example
from assistant.finetuning.runs.items import scope_of
from webui.learning import names

register = template.Library()


@register.filter
def called(key: Any, kind: str) -> str:
    """What the pages call it: `kind` is a table of webui/learning/names.py, such as "verdicts"."""
    if kind == "questions":
        return names.question_of(str(key))
    table: names.Names = getattr(names, kind.upper())
    return names.name_of(table, key)


@register.filter
def decimals(value: Any, places: int) -> str:
    return "" if value is None else f"{float(value):.{places}f}"


@register.filter
def percent(share: Any) -> str:
    """A share from 0 to 1, in per cent."""
    return f"{float(share):.0%}" if float(share) >= 0.1 or not share else f"{float(share):.1%}"


@register.filter
def duration(seconds: Any) -> str:
    """As short as people say it."""
    whole = round(float(seconds or 0))
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    if whole < 3600:
        return _("{minutes} min {seconds} s").format(minutes=whole // 60, seconds=whole % 60)
    return _("{hours} h {minutes} min").format(hours=whole // 3600, minutes=whole % 3600 // 60)


@register.filter
def error_text(code: str) -> str:
    """The sentence of an error's code, "" where its own message says more."""
    return failure_message(code, "")


@register.filter
def question(example: Example) -> str:
    """The last thing that was asked."""
    return next((turn["content"] for turn in reversed(example.prompt) if turn["role"] == "user"), "")


@register.filter
def answer(example: Example) -> str:
    """What is learned to be said, or was rated."""
    turns = example.chosen or example.completion or []
    return turns[-1]["content"] if turns else ""


@register.filter
def score_of_suite(suite: str, result: dict[str, Any]) -> str:
    """By which score the cases of a suite are judged when nothing else is asked for: that of its first finding."""
    for finding in result.get("findings", []):
        scope = scope_of(finding)
        if scope and scope.suite == suite:
            return scope.score
    return ""


@register.filter
def slug_with(id_: Any, number: int) -> str:
    """An id for an element, of a row's and a number within it."""
    return f"{id_}-{number}"
