"""Which token a base model likely writes after its last few: a table counted beforehand (inference/drafting).

A guess from it costs some microseconds, and the model reads it beside the token that it must read anyway. Knows nothing
of rows, requests or text.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

log = logging.getLogger(__name__)

# In a model's folder; beside this module that of the bundled model. It is safetensors, but not by its name: whatever is
# called so in a model's folder counts as the model's weights.
FILE = "drafts.table"
BUNDLED = Path(__file__).with_name(FILE)
VERSION = "2"
# The longest context that is counted, in tokens.
MOST_TOKENS = 4
# Chances are kept in so many steps.
STEPS = 256
# So far from its own place a context may lie; of 189 thousand the farthest one lay 15 away.
MOST_AWAY = 256
_MULTIPLIER = 0x9E3779B1  # 2^32 divided by the golden ratio, made odd (Knuth, TAOCP 6.4)
_ALL_BITS = 0xFFFFFFFF
_EMPTY = 0


class Drafts:
    """What follows a context of 1 to MOST_TOKENS tokens most likely, and how likely it is.

    `contexts` are hashes, none of them twice, each with its token and its chance in STEPS. A longer context is there
    only if it says something else than shorter ones, so the longest that is known is asked. Where another one has the
    same hash the guess is wrong, and costs no more than that.

    They are kept by open addressing with room for twice as many (TAOCP 6.4): behind a step of the model nothing is in
    the caches, and this touches little memory where a dict of numbers touches much.
    """

    def __init__(self, contexts: NDArray[np.uint32], tokens: NDArray[np.uint32], chances: NDArray[np.uint8]) -> None:
        is_kept = contexts != _EMPTY
        contexts, tokens, chances = contexts[is_kept], tokens[is_kept], chances[is_kept]
        bits = (2 * len(contexts)).bit_length()
        self._shift, self._last = 32 - bits, (1 << bits) - 1
        places = _places(contexts, self._shift, self._last)
        # Their items are Python's numbers, which numpy's would have to be made into.
        self._contexts, self._tokens, self._chances = (
            _scattered(values, places, self._last + 1).data for values in (contexts, tokens, chances)
        )
        self._entries = len(contexts)

    def __len__(self) -> int:
        return self._entries

    def guess(self, history: Sequence[int]) -> tuple[int, float] | None:
        """The likeliest next token and its chance; None where nothing is known."""
        contexts, found, value = self._contexts, -1, 0
        for token in reversed(history[-MOST_TOKENS:]):
            value = (value * _MULTIPLIER + token + 1) & _ALL_BITS
            place = (value * _MULTIPLIER & _ALL_BITS) >> self._shift
            while (context := contexts[place]) != value and context != _EMPTY:
                place = (place + 1) & self._last
            if context != _EMPTY:
                found = place
        return None if found < 0 else (self._tokens[found], self._chances[found] / STEPS)

    def columns(self) -> dict[str, NDArray[Any]]:
        """`contexts`, ascending, `tokens` and `chances`."""
        contexts = np.asarray(self._contexts)
        order = np.flatnonzero(contexts)[np.argsort(contexts[contexts != _EMPTY])]
        columns = {"contexts": contexts, "tokens": np.asarray(self._tokens), "chances": np.asarray(self._chances)}
        return {name: column[order] for name, column in columns.items()}


def _places(contexts: NDArray[np.uint32], shift: int, last: int) -> NDArray[np.int64]:
    """Where each context lies: at its own place, or at the first free one behind it. Raises ValueError where that is
    far away, as it is only in a table that somebody made up to slow replies down."""
    places = (contexts * np.uint32(_MULTIPLIER)).astype(np.int64) >> shift
    is_taken = np.zeros(last + 1, np.bool_)
    waiting = np.arange(len(contexts))
    for _ in range(MOST_AWAY):
        if not len(waiting):
            return places
        _, first = np.unique(places[waiting], return_index=True)
        first = first[~is_taken[places[waiting[first]]]]
        is_taken[places[waiting[first]]] = True
        waiting = np.delete(waiting, first)
        places[waiting] = (places[waiting] + 1) & last
    raise ValueError("Its hashes are not spread as those of contexts are.")


def _scattered(values: NDArray[Any], places: NDArray[np.int64], count: int) -> NDArray[Any]:
    scattered = np.zeros(count, values.dtype)
    scattered[places] = values
    return scattered


def hashes(token_ids: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Of each context that ends with each token, [MOST_TOKENS, tokens]: row n has contexts of n + 1 tokens. The first n
    of a row mean nothing."""
    value = np.zeros(len(token_ids), np.uint32)
    found = np.empty((MOST_TOKENS, len(token_ids)), np.uint32)
    for size in range(MOST_TOKENS):
        earlier = np.zeros(len(token_ids), np.uint32)
        earlier[size:] = token_ids[: len(token_ids) - size]
        value = value * np.uint32(_MULTIPLIER) + earlier + np.uint32(1)
        found[size] = value
    return found


def save(drafts: Drafts, path: Path, base_model_sha256: str) -> None:
    """Write the table of the model that has this hash. Raises OSError."""
    save_file(drafts.columns(), path, {"v": VERSION, "base_model_sha256": base_model_sha256})
    path.chmod(0o644)  # as weights are: whoever serves need not be who counted


def load(folder: Path, base_model_sha256: str, vocabulary: int) -> Drafts | None:
    """The table of the model in `folder`, its own or one that Parley brings; None where there is none for these very
    weights, or it is of no use, which is logged: replies are the same without."""
    for path in (folder / FILE, BUNDLED):
        try:
            with safe_open(path, framework="numpy") as file:
                about = file.metadata() or {}
                if about.get("base_model_sha256") == base_model_sha256:
                    return _read(file, about, vocabulary)
        except FileNotFoundError:
            continue
        except (OSError, SafetensorError, ValueError) as error:
            log.warning("%s is of no use, so replies guess from their own text alone: %s", path, error)
    return None


def _read(file: Any, about: Mapping[str, str], vocabulary: int) -> Drafts:
    """Raises SafetensorError, or ValueError with a sentence."""
    if about.get("v") != VERSION:
        raise ValueError("It was counted by another version of Parley; `manage.py model drafts` counts anew.")
    kinds = {"contexts": "U32", "tokens": "U32", "chances": "U8"}
    if any(file.get_slice(name).get_dtype() != kind for name, kind in kinds.items()):  # numpy has not all kinds
        raise ValueError("It is not made of whole numbers of 32 and 8 bits.")
    contexts, tokens, chances = (file.get_tensor(name) for name in kinds)
    if contexts.ndim != 1 or not contexts.shape == tokens.shape == chances.shape:
        raise ValueError("It is not made of hashes, and as many tokens and chances.")
    if (np.diff(contexts.astype(np.int64)) <= 0).any():
        raise ValueError("Its hashes do not ascend.")
    if (tokens >= vocabulary).any():
        raise ValueError("It has tokens that the model has not.")
    return Drafts(contexts, tokens, chances)
