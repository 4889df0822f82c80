"""Holds the kernel against the network in float32 whenever it is loaded, so that one that is wrong is never used.

The network itself is asked once; what it said is kept beside the packed weights.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inference import pretrained
from inference.serving.backend import PAGE_TOKENS, Backend
from inference.serving.native import NativeUnavailable

TOKENS = 2 * PAGE_TOKENS + 5  # two whole pages and a part
COMPARED = 8
# Nats, the mean over what is compared. Bundled model: 0.002 on text; what is wrong differs by whole nats.
MAX_DIVERGENCE = 0.1


def verify(backend: Backend, model: Path, folder: Path, sha256: str) -> None:
    """Raises NativeUnavailable with a sentence when the kernel says something else than the network."""
    path = folder / f"reference-{sha256[:16]}.npz"
    try:
        with np.load(path, allow_pickle=False) as kept:
            token_ids, expected = kept["token_ids"], kept["logits"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        token_ids, expected = _asked(backend, model)
        new = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(new, token_ids=token_ids, logits=expected)
        new.replace(path)
    found = divergence(torch.from_numpy(expected), _read(backend, token_ids))
    if not found <= MAX_DIVERGENCE:  # nor when it is no number
        raise NativeUnavailable(f"It differs from the network in float32 by {found:.3f} nats per token.")


def divergence(expected: Tensor, found: Tensor) -> float:
    """The mean Kullback-Leibler divergence of two [tokens, vocabulary] logits, in nats."""
    p, q = expected.log_softmax(-1), found.log_softmax(-1)
    return float((p.exp() * (p - q)).sum(-1).mean())


def _read(backend: Backend, token_ids: np.ndarray[tuple[int], np.dtype[np.int32]]) -> Tensor:
    rows = np.arange(len(token_ids), dtype=np.int32)
    backend.reserve(-(-len(rows) // PAGE_TOKENS), 1)
    backend.set_pages(0, range(-(-len(rows) // PAGE_TOKENS)))
    return torch.as_tensor(
        backend.forward(token_ids, np.zeros_like(rows), rows, np.full_like(rows, -1), rows[-COMPARED:])
    )


def _asked(backend: Backend, model: Path) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], np.ndarray]:
    """Some token ids, and the network's logits [COMPARED, vocabulary] after the last of them."""
    draw = np.random.default_rng(0)
    token_ids = draw.integers(0, backend.vocabulary, min(TOKENS, backend.max_context), dtype=np.int32)
    network = pretrained.load_network(model, torch.float32, torch.device("cpu"))
    with torch.inference_mode():
        ids = torch.from_numpy(token_ids).long().unsqueeze(0)
        logits: Tensor = network(input_ids=ids, use_cache=False, logits_to_keep=COMPARED).logits[0].float()
    return token_ids, logits.numpy()
