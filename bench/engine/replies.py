"""What a peer wrote and when, and how fast that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inference.contract import ChatMessage


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages, and what the chat template makes of them: everybody reads the same ids."""

    messages: tuple[ChatMessage, ...]
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """`times_s`: when each of `token_ids` was there, in seconds since all were asked for."""

    token_ids: tuple[int, ...]
    times_s: tuple[float, ...]


def first_token_s(replies: Sequence[Reply]) -> float:
    """Until each has its first token."""
    return max(reply.times_s[0] for reply in replies)


def tokens_per_s(times_s: Sequence[Sequence[float]]) -> float:
    """Of all replies together, from when the last one has begun until the first one has ended: decoding alone. Raises
    ValueError where that is no time at all."""
    begin, end = max(times[0] for times in times_s), min(times[-1] for times in times_s)
    if end <= begin:
        raise ValueError("One reply had ended before the last one began, so their rate cannot be told.")
    return sum(begin < at <= end for times in times_s for at in times) / (end - begin)


def common_beginning(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens are the same before the first that differs."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
