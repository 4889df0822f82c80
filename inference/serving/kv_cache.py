"""Keys and values of all running rows: one slot per row, so that rows of any length are decoded in one forward.

Knows nothing of requests. Slots in use are always the first ones: who removes a row moves the last into its place.
What lies behind a row's length is stale but finite, and the caller's mask hides it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

FIRST_SLOTS = 4
FIRST_CAPACITY = 512


class SlotCache(Cache):
    """Per layer two tensors [slots, heads, capacity, head size]; slots and capacity double when rows need it."""

    def __init__(self, layers: int) -> None:
        self._place = Place()
        super().__init__(layers=[SlotLayer(self._place) for _ in range(layers)])

    def aim(self, first: int, positions: Tensor, length: int) -> None:
        """Say where the next forward writes and what it reads.

        `positions` is [rows, new tokens]: row i of the batch is slot `first + i`; each slot is read up to `length`.
        """
        place = self._place
        place.slots = torch.arange(first, first + len(positions), device=positions.device).unsqueeze(1)
        place.positions = positions
        place.length = length
        while place.count < first + len(positions):
            place.count *= 2
        while place.capacity < length:
            place.capacity *= 2

    @property
    def has_grown_long(self) -> bool:
        return self._place.capacity > FIRST_CAPACITY

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of one slot over another."""
        for layer in self.layers:
            if layer.is_initialized:
                layer.keys[target, :, :length] = layer.keys[source, :, :length]
                layer.values[target, :, :length] = layer.values[source, :, :length]


class Place:
    """Which part of every layer the next forward uses."""

    slots: Tensor
    positions: Tensor
    length = 0
    count = FIRST_SLOTS
    capacity = FIRST_CAPACITY


class SlotLayer(CacheLayerMixin):
    """Keys and values of one layer."""

    is_sliding = False
    keys: Tensor
    values: Tensor

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        # Zeros, not empty: a masked position counts 0 times its value, and 0 times NaN would be NaN.
        self.keys = self._zeros(key_states)
        self.values = self._zeros(value_states)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *_args: object, **_kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Write the new states and return all that the rows have, [rows, heads, length, head size] each."""
        place = self._place
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        elif self.keys.shape[0] < place.count or self.keys.shape[2] < place.capacity:
            self.keys = self._grown(self.keys)
            self.values = self._grown(self.values)
        # Indices of [rows, tokens] around the heads put the heads last in what is assigned.
        self.keys[place.slots, :, place.positions] = key_states.transpose(1, 2)
        self.values[place.slots, :, place.positions] = value_states.transpose(1, 2)
        first, count = int(place.slots[0, 0]), len(place.slots)
        rows = slice(first, first + count)
        return self.keys[rows, :, : place.length], self.values[rows, :, : place.length]

    def get_seq_length(self) -> int:
        return self._place.length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._place.length, 0

    def get_max_length(self) -> int:
        return -1

    def _zeros(self, like: Tensor) -> Tensor:
        _, heads, _, size = like.shape
        return like.new_zeros((self._place.count, heads, self._place.capacity, size))

    def _grown(self, old: Tensor) -> Tensor:
        new = self._zeros(old)
        new[: old.shape[0], :, : old.shape[2]] = old
        return new
