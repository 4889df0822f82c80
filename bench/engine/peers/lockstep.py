"""Reading prompts in chunks, then one token of each reply a step: what the kernel and llama.cpp are driven by. A single
reply can guess ahead, as the product's engine does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.engine.replies import Reply
from inference.serving.backend import Indices
from inference.serving.lookup import GUESSES, Lookup

CHUNK = 512  # tokens of one forward: llama.cpp's own default, and the scheduler's


@dataclass(frozen=True, slots=True)
class Rows:
    """One forward: ids, slots and positions [n], and which of them are asked for logits [m]."""

    token_ids: Indices
    slots: Indices
    positions: Indices
    outputs: Indices


def chunks(prompts: Sequence[Sequence[int]]) -> Iterator[Rows]:
    """All of `prompts`, one after the other; the last token of each is asked for logits. Their slots count from 0."""
    ids = np.concatenate([np.asarray(prompt) for prompt in prompts])
    of = np.repeat(np.arange(len(prompts)), [len(prompt) for prompt in prompts])
    positions = np.concatenate([np.arange(len(prompt)) for prompt in prompts])
    ends = np.cumsum([len(prompt) for prompt in prompts]) - 1
    for at in range(0, len(ids), CHUNK):
        part = slice(at, at + CHUNK)
        inside = ends[(ends >= at) & (ends < at + CHUNK)] - at
        yield Rows(*(array.astype(np.int32) for array in (ids[part], of[part], positions[part], inside)))


def write(
    prompts: Sequence[Sequence[int]],
    tokens: int,
    read: Callable[[Sequence[Sequence[int]]], Indices],
    step: Callable[[Indices, Indices], Indices],
) -> list[Reply]:
    """`read` reads the prompts into slots 0 and up, `step` a token of each slot at its position; both return the next
    token of each."""
    began = time.perf_counter()
    chosen, times = [read(prompts)], [time.perf_counter() - began]
    positions = np.array([len(prompt) for prompt in prompts], np.int32)
    for _ in range(tokens - 1):
        chosen.append(step(chosen[-1], positions))
        times.append(time.perf_counter() - began)
        positions = positions + 1
    return [Reply(tuple(ids), tuple(times)) for ids in np.stack(chosen, 1).tolist()]


def write_guessing(
    prompt: Sequence[int],
    tokens: int,
    lookup: Lookup,
    read: Callable[[Sequence[Sequence[int]]], Indices],
    step: Callable[[Indices, Indices], Indices],
    forget: Callable[[int], None],
) -> Reply:
    """The same for one reply; `step` gets guesses behind the last token and returns what follows each, and `forget`
    takes back what was read from a position on."""
    began = time.perf_counter()
    history = [*prompt, *read([prompt]).tolist()]
    times = [time.perf_counter() - began]
    while len(times) < tokens:
        guesses = lookup.guess(history, min(GUESSES, tokens - len(times) - 1))
        position = len(history) - 1
        asked = np.array([history[-1], *guesses], np.int32)
        found = step(asked, np.arange(position, position + len(asked), dtype=np.int32)).tolist()
        right = next((at for at, guess in enumerate(guesses) if guess != found[at]), len(guesses))
        forget(position + 1 + right)
        history += found[: 1 + right]
        times += [time.perf_counter() - began] * (1 + right)
    return Reply(tuple(history[len(prompt) :]), tuple(times))
