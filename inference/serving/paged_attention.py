"""Attention of ragged rows over keys and values in pages, for any transformers model that lets others attend.

The network reads all tokens of a step as one row, [1, n]: its matrices are read once for prompts and replies alike.
Only attention needs to know whose token is whose; it runs once for all single tokens, padded, and once for each piece
of a prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

PAGED = "paged"


@dataclass(frozen=True, slots=True)
class Single:
    """The rows of which one token is read. `at` [rows] are their places among the n tokens, None for all of these;
    `tables` [rows, pages] and `mask` [rows, 1, 1, positions] what each attends to."""

    at: Tensor | None
    tables: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Piece:
    """Several tokens of one row, `tokens` among the n. `table` [1, pages] and `mask` [1, 1, tokens, positions], None
    where the row begins here: then the tokens attend to each other alone."""

    tokens: slice
    table: Tensor | None
    mask: Tensor | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the n tokens of a step are written and what they attend to. `cells` [n] count positions over the whole
    pool."""

    cells: Tensor
    single: Single | None
    pieces: tuple[Piece, ...]


class Pool:
    """Keys and values of all layers, [pages, tokens in a page, heads, size] each. The last page stays zero: it stands
    where a shorter row has none.

    What no row has written is zero or stale, but finite: a hidden position counts 0 times its value, and 0 times NaN
    would be NaN.
    """

    def __init__(
        self, shapes: list[tuple[tuple[int, int], tuple[int, int]]], pages: int, page_tokens: int, like: Tensor
    ) -> None:
        self.page_tokens = page_tokens
        self.zero_page = pages
        self.keys = [_zeros((pages + 1, page_tokens, *key), like) for key, _ in shapes]
        self.values = [_zeros((pages + 1, page_tokens, *value), like) for _, value in shapes]

    def make_finite(self, pages: list[int]) -> None:
        """After a row computed what is no number: whoever gets its pages next must not meet it."""
        for states in (*self.keys, *self.values):
            states[pages] = states[pages].nan_to_num(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Step:
    """What attention needs in one forward."""

    pool: Pool
    layout: Layout

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> Tensor:
        """`query`, `key` and `value` are [1, heads, n, size]; returns [1, n, heads, size]."""
        pool, layout = self.pool, self.layout
        keys, values = pool.keys[module.layer_idx], pool.values[module.layer_idx]
        keys.flatten(0, 1)[layout.cells] = key[0].transpose(0, 1)
        values.flatten(0, 1)[layout.cells] = value[0].transpose(0, 1)
        outputs: list[tuple[Tensor | slice, Tensor]] = []
        single = layout.single
        if single:
            rows = query[0] if single.at is None else query[0, :, single.at]
            attended, _ = sdpa_attention_forward(
                module,
                rows.transpose(0, 1).unsqueeze(2),
                _gathered(keys, single.tables),
                _gathered(values, single.tables),
                single.mask,
                **options,
            )
            if single.at is None:
                whole: Tensor = attended.transpose(0, 1)
                return whole
            outputs.append((single.at, attended[:, 0]))
        for piece in layout.pieces:
            part = query[:, :, piece.tokens]
            if piece.table is None:
                own = key[:, :, piece.tokens], value[:, :, piece.tokens]
                attended, _ = sdpa_attention_forward(module, part, *own, None, is_causal=True, **options)
            else:
                own = _gathered(keys, piece.table), _gathered(values, piece.table)
                attended, _ = sdpa_attention_forward(module, part, *own, piece.mask, **options)
            outputs.append((piece.tokens, attended[0]))
        result: Tensor = outputs[0][1].new_empty((query.shape[2], *outputs[0][1].shape[1:]))
        for at, attended in outputs:
            result[at] = attended
        return result.unsqueeze(0)


class Probe:
    """Finds out what keys and values of each layer look like, by a forward of one token."""

    def __init__(self) -> None:
        self.shapes: dict[int, tuple[tuple[int, int], tuple[int, int]]] = {}

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> Tensor:
        self.shapes[module.layer_idx] = (key.shape[1], key.shape[3]), (value.shape[1], value.shape[3])
        attended: Tensor = sdpa_attention_forward(module, query, key, value, None, is_causal=True, **options)[0]
        return attended


def attend_in_pages(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """What transformers calls in each layer."""
    step: Step | Probe = options.pop("paged")
    return step.attend(module, query, key, value, options), None


AttentionInterface.register(PAGED, attend_in_pages)


def layout(
    slots: NDArray[np.int32], positions: NDArray[np.int32], tables: list[NDArray[np.int64]], pool: Pool
) -> Layout:
    """How to read tokens at `positions` of `slots`, [n] each; `tables` has each slot's pages."""
    device, size = pool.keys[0].device, pool.page_tokens
    begins = np.flatnonzero(np.diff(slots, prepend=-1))
    ends = np.append(begins[1:], len(slots))
    runs = [slice(begin, end) for begin, end in zip(begins, ends, strict=True)]
    cells = np.concatenate([tables[slots[run.start]][positions[run] // size] * size for run in runs]) + positions % size

    def on_device(array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(device)

    pieces = []
    for run in runs:
        if run.stop - run.start == 1:
            continue
        if positions[run.start] == 0:
            pieces.append(Piece(run, None, None))
            continue
        pages = positions[run.stop - 1] // size + 1
        visible = np.arange(pages * size) <= positions[run, None]
        pieces.append(Piece(run, on_device(tables[slots[run.start]][None, :pages]), on_device(visible[None, None])))
    at = begins[ends - begins == 1]
    single = None
    if len(at):
        length = positions[at].max() // size + 1
        padded = np.full((len(at), length), pool.zero_page, dtype=np.int64)
        for row, place in zip(padded, at, strict=True):
            own = tables[slots[place]][: positions[place] // size + 1]
            row[: len(own)] = own
        mask = np.arange(length * size) <= positions[at, None]
        single = Single(
            None if len(at) == len(slots) else on_device(at), on_device(padded), on_device(mask[:, None, None])
        )
    return Layout(on_device(cells), single, tuple(pieces))


def _gathered(states: Tensor, tables: Tensor) -> Tensor:
    """[rows, heads, positions, size] of the pages in `tables`."""
    return states[tables].flatten(1, 2).transpose(1, 2)


def _zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """On the CPU the system's zero pages, so that memory is taken when it is written and not before."""
    if like.device.type != "cpu":
        return torch.zeros(shape, dtype=like.dtype, device=like.device)
    size = like.element_size()
    return torch.from_numpy(np.zeros(int(np.prod(shape)) * size, dtype=np.uint8)).view(like.dtype).view(shape)
