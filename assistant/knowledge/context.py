"""How approved answers stand in a prompt. What is trained to read them is given the same text by the same function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inference.contract import ChatMessage

HEAD = "Approved answers to similar questions:"
FOOT = "If one of them answers the question, answer with what it says. If none does, do not use them."


def with_passages(
    messages: Sequence[ChatMessage], passages: Sequence[tuple[str, str]], max_chars: int
) -> tuple[ChatMessage, ...]:
    """`messages`, whose first is the system's, with each (question, answer) in it as far as `max_chars` characters
    reach, the best first:

        You are a helpful AI assistant.

        Approved answers to similar questions:

        Question: …
        Answer: …

        If one of them answers the question, answer with what it says. If none does, do not use them.

    The system message stays when the oldest messages are left out, so these stay too.
    """
    shown: list[str] = []
    for question, answer in passages:
        text = f"Question: {question}\nAnswer: {answer}"
        if sum(map(len, shown)) + len(text) > max_chars:
            break
        shown.append(text)
    if not shown:
        return tuple(messages)
    system, *others = messages
    return (replace(system, text="\n\n".join([system.text, HEAD, *shown, FOOT])), *others)
