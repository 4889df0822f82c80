"""The kernel as a backend: Llama-type models on CPUs, from weights in 4 and 8 bits. See serving/backend.py.

Knows nothing of requests, sampling or text.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from inference import model_files
from inference.serving.adapters import AdapterFiles
from inference.serving.backend import PAGE_TOKENS, Indices
from inference.serving.native import build, verification, weights
from inference.serving.native.library import Kernel
from inference.serving.native.network import read_network

BFLOAT16_BYTES = 2


class NativeBackend:
    """See backend.Backend. Raises NativeUnavailable with a sentence where the kernel cannot run `model`.

    `model` is its folder; `threads` compute; `level` is one of build.LEVELS, the best by default. What was compiled is
    kept with the user's caches, what was packed beside the weights, or both in `folder`.
    """

    name = "native"
    device = "cpu"
    page_tokens = PAGE_TOKENS

    def __init__(self, model: Path, threads: int, level: str | None = None, folder: Path | None = None) -> None:
        network = read_network(model)
        # Code is never taken from a model's folder: models come from strangers.
        library = build.library(folder or user_cache(), level)
        folder = folder or _folder_for_weights(model)
        sha256 = model_files.base_model_sha256(model)
        packed = weights.load(model, network, folder, sha256)
        self._kernel = Kernel(library, network, packed, threads)
        self.dtype = packed.form
        self.vocabulary = network.vocabulary
        self.max_context = network.max_context
        self.linears: Mapping[str, tuple[int, int]] = network.linears
        position = network.layers * network.kv_heads * network.head_size * 2 * BFLOAT16_BYTES
        self.page_bytes = PAGE_TOKENS * position
        self._numbers = {name: number for number, name in enumerate(self.linears)}
        verification.verify(self, model, folder, sha256)

    def close(self) -> None:
        """Give memory and threads back."""
        self._kernel.close()

    def reserve(self, pages: int, slots: int) -> None:
        self._kernel.reserve(pages, slots)

    def set_pages(self, slot: int, pages: Sequence[int]) -> None:
        self._kernel.set_pages(slot, pages)

    def forward(
        self, token_ids: Indices, slots: Indices, positions: Indices, adapters: Indices, output_rows: Indices
    ) -> NDArray[np.float32]:
        return self._kernel.forward(token_ids, slots, positions, adapters, output_rows)

    @property
    def likeliest(self) -> Sequence[int]:
        return self._kernel.likeliest

    def put_adapter(self, index: int, files: AdapterFiles) -> Iterator[None]:
        # LoRA (Hu et al. 2021) scales by alpha / rank, rsLoRA (Kalajdzievski 2023) by alpha / sqrt(rank).
        scale = files.alpha / (math.sqrt(files.rank) if files.use_rslora else files.rank)
        is_begun = False
        try:
            for module, sides in files.weights.items():
                a, b = sides["A"].float(), sides["B"].float() * scale
                inputs, outputs = self.linears.get(module, (0, 0))
                if a.shape != (files.rank, inputs) or b.shape != (outputs, files.rank):
                    raise ValueError(f"The weights for {module} do not fit.")
                self._kernel.put_low_rank(index, self._numbers[module], _contiguous(a), _contiguous(b))
                is_begun = True
                yield
            self._kernel.complete_adapter(index)
        except ValueError:
            if is_begun:
                self._kernel.drop_adapter(index)
            raise

    def drop_adapter(self, index: int) -> None:
        self._kernel.drop_adapter(index)


def user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parley"


def _folder_for_weights(model: Path) -> Path:
    return model / "native" if os.access(model, os.W_OK) else user_cache()


def _contiguous(tensor: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.ascontiguousarray(tensor.numpy())
