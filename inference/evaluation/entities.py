"""Names in answers, found by how they are written. Knows nothing of models.

A name is a run of capitalised Latin words that does not begin a sentence; names in other scripts are not found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

# What stands before a name within a sentence: a word, or one with a comma, and a space.
_NAME = re.compile(r"(?<=[a-z0-9,;)] )[A-Z][\w&'-]*(?: [A-Z][\w&'-]*)*")
_COMMON = {"I", "I'm", "I'll", "I've", "I'd"}


def names(text: str) -> set[str]:
    return {name for name in _NAME.findall(text.replace("’", "'")) if name not in _COMMON}


def changes(answers: Iterable[tuple[str, str, str]]) -> dict[str, tuple[int, int]]:
    """For each name, in how many answers the candidate alone and the baseline alone has it; `answers` are triples of
    prompt, candidate's and baseline's answer. A name that the prompt itself holds does not count."""
    appeared: Counter[str] = Counter()
    vanished: Counter[str] = Counter()
    for prompt, candidate_answer, baseline_answer in answers:
        ours, theirs = names(candidate_answer), names(baseline_answer)
        appeared.update(name for name in ours - theirs if name not in prompt)
        vanished.update(name for name in theirs - ours if name not in prompt)
    return {name: (appeared[name], vanished[name]) for name in appeared | vanished}
