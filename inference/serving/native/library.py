"""The compiled kernel as Python calls it: ctypes for what api.cpp exports, errors as exceptions."""

from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.serving.backend import Indices
from inference.serving.native import NativeUnavailable
from inference.serving.native.network import Network
from inference.serving.native.weights import Weights

ERROR_BYTES = 256
_INT32 = np.dtype(np.int32)
# As many rows of logits as replies are written together by default. A step leaves nothing of Python in the caches, and
# memory and its address take twenty microseconds then; so these come in the same memory again.
FEW = 16
UNSHARED = 2  # references to what one object alone has: that one's, and that of who counts them
Floats = NDArray[np.float32]
int32, pointer = ctypes.c_int32, ctypes.c_void_p


class CShape(ctypes.Structure):
    """model.h, Shape."""

    _fields_ = [
        *((name, int32) for name in ("layers", "hidden", "intermediate", "heads", "kv_heads", "head_size")),
        ("vocabulary", int32), ("max_context", int32),
        ("epsilon", ctypes.c_float), ("rotary_scale", ctypes.c_float), ("rotary", pointer),
    ]  # fmt: skip


class CTensor(ctypes.Structure):
    """api.cpp, PackedTensor."""

    _fields_ = [
        *((name, int32) for name in ("bits", "outputs", "inputs", "is_single")), ("offset", ctypes.c_uint64),
    ]  # fmt: skip


ARGUMENTS = {
    "open": [pointer, pointer, ctypes.c_uint64, pointer, int32, int32, pointer],
    "reserve": [pointer, int32, int32],
    "set_pages": [pointer, int32, pointer, int32],
    "put_low_rank": [pointer, int32, int32, int32, pointer, pointer],
    "complete_adapter": [pointer, int32],
    "drop_adapter": [pointer, int32],
    "forward": [pointer, int32, pointer, pointer, pointer, pointer, int32, pointer, pointer, pointer],
}


class Kernel:
    """One model in the kernel. Every call raises ValueError with a sentence for what does not fit."""

    def __init__(self, library: Path, network: Network, weights: Weights, threads: int) -> None:
        try:
            self._library = ctypes.CDLL(str(library))
        except OSError as error:
            raise NativeUnavailable(f"The compiled kernel cannot be loaded: {error}.") from error
        for name, arguments in ARGUMENTS.items():
            getattr(self._library, f"parley_{name}").argtypes = [*arguments, ctypes.c_char_p]
        self._library.parley_close.argtypes = [pointer]
        self.likeliest: list[int] = []
        self._error = ctypes.create_string_buffer(ERROR_BYTES)  # of the last call; one thread calls at a time
        self._model = pointer()
        self._weights = weights  # stay in memory as long as the model
        self._vocabulary = network.vocabulary
        self._few = np.empty((FEW, self._vocabulary), np.float32)
        self._few_at = self._few.ctypes.data
        tensors = list(weights.tensors)
        if network.is_tied:  # the embedding is the head too
            head = len(network.tensors) - 1
            tensors[head:head] = [tensor for tensor in tensors[head:] if tensor.kind != "rough"]
        shape = CShape(
            network.layers, network.hidden, network.intermediate, network.heads, network.kv_heads, network.head_size,
            network.vocabulary, network.max_context, network.epsilon, network.rotary_scale, network.rotary.ctypes.data,
        )  # fmt: skip
        packed = (CTensor * len(tensors))(
            *(CTensor(t.bits, t.outputs, t.inputs, t.kind == "singles", t.offset) for t in tensors)
        )
        self._call(
            "open", ctypes.byref(shape), weights.data.ctypes.data, weights.data.size, packed, len(tensors), threads,
            ctypes.byref(self._model),
        )  # fmt: skip
        self._closing = weakref.finalize(self, self._library.parley_close, pointer(self._model.value))

    def close(self) -> None:
        """Give memory and threads back; at the latest that happens when nobody has the object any more."""
        self._closing()
        self._model = pointer()

    def reserve(self, pages: int, slots: int) -> None:
        self._call("reserve", self._model, pages, slots)

    def set_pages(self, slot: int, pages: Sequence[int]) -> None:
        table = np.array(pages, np.int32)
        self._call("set_pages", self._model, slot, table.ctypes.data, table.size)

    def put_low_rank(self, adapter: int, linear: int, a: Floats, b: Floats) -> None:
        """`a` [rank, inputs], `b` [outputs, rank], times the adapter's scale."""
        self._call("put_low_rank", self._model, adapter, linear, len(a), a.ctypes.data, b.ctypes.data)

    def complete_adapter(self, adapter: int) -> None:
        self._call("complete_adapter", self._model, adapter)

    def drop_adapter(self, adapter: int) -> None:
        self._call("drop_adapter", self._model, adapter)

    def forward(
        self, token_ids: Indices, slots: Indices, positions: Indices, adapters: Indices, output_rows: Indices
    ) -> Floats:
        """backend.Backend.forward, and its `likeliest`."""
        count, outputs = len(token_ids), len(output_rows)
        if not count == len(slots) == len(positions) == len(adapters):
            raise ValueError("Tokens, slots, positions and adapters must be equally many.")
        logits, address = self._room(outputs)
        likeliest = (int32 * outputs)()
        self._call(
            "forward", self._model, count, _bytes(token_ids), _bytes(slots), _bytes(positions), _bytes(adapters),
            outputs, _bytes(output_rows), address, likeliest,
        )  # fmt: skip
        self.likeliest = list(likeliest)
        return logits

    def _room(self, outputs: int) -> tuple[Floats, int]:
        """Where logits [outputs, vocabulary] may be written, and its address."""
        if outputs > FEW:
            many = np.empty((outputs, self._vocabulary), np.float32)
            return many, many.ctypes.data
        if sys.getrefcount(self._few) > UNSHARED:  # somebody still has logits of before
            self._few = np.empty((FEW, self._vocabulary), np.float32)
            self._few_at = self._few.ctypes.data
        return self._few[:outputs], self._few_at

    def _call(self, name: str, *arguments: object) -> None:
        if getattr(self._library, f"parley_{name}")(*arguments, self._error):
            raise ValueError(self._error.value.decode())


def _bytes(indices: Indices) -> bytes:
    """What goes down in the place of an address."""
    if indices.ndim != 1 or indices.dtype != _INT32:
        raise ValueError("Indices must be int32 arrays of one dimension.")
    return indices.tobytes()
