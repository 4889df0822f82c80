"""Which question is looked up, of those that were asked in a conversation."""

from __future__ import annotations

from collections.abc import Sequence

# Shorter ones ("And then?") mean something only with the one before. As for examples, whose groups are made so too.
SHORTEST = 12


def whole_question(questions: Sequence[str]) -> str:
    """The last of `questions`, with those before it as long as it is too short to mean something alone; "" for none."""
    whole = ""
    for question in reversed(questions):
        whole = f"{question.strip()} {whole}".strip()
        if len("".join(whole.split())) >= SHORTEST:
            break
    return whole
