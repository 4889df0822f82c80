"""Which token a base model likely writes after its last few: a table counted beforehand (inference/drafting).

A guess from it costs some microseconds, and the model reads it beside the token that it must read anyway. Knows nothing
of rows, requests or text.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
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
VERSION = "1"
# The longest context that is counted, in tokens.
MOST_TOKENS = 4
_MULTIPLIER = 0x9E3779B1  # 2^32 divided by the golden ratio, made odd (Knuth, TAOCP 6.4)
_ALL_BITS = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Drafts:
    """`followers` has what follows a context of 1 to MOST_TOKENS tokens most likely, by the context's hash. A context
    is there only if it is surer than all shorter ones, so the longest that is known is asked. Where another one has the
    same hash the guess is wrong, and costs no more than that."""

    followers: dict[int, int]

    def guess(self, history: Sequence[int]) -> int | None:
        """The likeliest next token; None where nothing is known."""
        guess, value = None, 0
        for token in reversed(history[-MOST_TOKENS:]):
            value = (value * _MULTIPLIER + token + 1) & _ALL_BITS
            guess = self.followers.get(value, guess)
        return guess


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
    contexts = sorted(drafts.followers)
    tensors = {
        "contexts": np.array(contexts, np.uint32),
        "tokens": np.array([drafts.followers[context] for context in contexts], np.uint32),
    }
    save_file(tensors, path, {"v": VERSION, "base_model_sha256": base_model_sha256})
    path.chmod(0o644)  # as weights are: whoever serves need not be who counted


def load(folder: Path, base_model_sha256: str, vocabulary: int) -> Drafts | None:
    """The table of the model in `folder`, its own or one that Parley brings; None where there is none for these very
    weights, or it is damaged, which is logged: replies are the same without."""
    for path in (folder / FILE, BUNDLED):
        try:
            with safe_open(path, framework="numpy") as file:
                if file.metadata() == {"v": VERSION, "base_model_sha256": base_model_sha256}:
                    return _read(file, vocabulary)
        except FileNotFoundError:
            continue
        except (OSError, SafetensorError, ValueError) as error:
            log.warning("%s is damaged, so replies guess from their own text alone: %s", path, error)
    return None


def _read(file: Any, vocabulary: int) -> Drafts:
    """Raises SafetensorError, or ValueError with a sentence."""
    if any(file.get_slice(name).get_dtype() != "U32" for name in ("contexts", "tokens")):  # numpy has not all kinds
        raise ValueError("It is not made of whole numbers of 32 bits.")
    contexts, tokens = file.get_tensor("contexts"), file.get_tensor("tokens")
    if contexts.ndim != 1 or contexts.shape != tokens.shape:
        raise ValueError("It is not made of hashes and as many tokens.")
    if (tokens >= vocabulary).any():
        raise ValueError("It has tokens that the model has not.")
    return Drafts(dict(zip(contexts.tolist(), tokens.tolist(), strict=True)))
