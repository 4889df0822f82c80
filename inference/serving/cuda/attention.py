"""Attention of one token per row over keys and values in pages, read where they lie (flash-decoding).

Each row's positions are shared among `splits` programs, so that few rows too keep a GPU busy; a second kernel weighs
what they found by their sums of exponentials (Dao et al. 2023, "Flash-Decoding for long-context inference"). The query
heads that share a key head are the rows of one matrix product.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

# The smallest side of a matrix product in Triton.
MIN_SIDE = 16
# Programs that a GPU shall have at least; the largest have some 150 multiprocessors, which run several each.
PROGRAMS = 256
MAX_SPLITS = 16


def attend(query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, positions: Tensor, scale: float) -> Tensor:
    """What `query` [rows, heads, size] at `positions` [rows] finds at its own and all earlier positions.

    `keys` and `values` are [pages, tokens in a page, key heads, size], `tables` [rows, pages of a row] the page of each
    run of positions. Returns [rows, heads, size of values]. Knows no batch: a row depends on nothing but itself and
    the number of rows, which decides the splits.
    """
    rows, heads, size = query.shape
    _, page_tokens, key_heads, value_size = values.shape
    splits = min(MAX_SPLITS, max(1, PROGRAMS // (rows * key_heads)))
    found = query.new_empty((rows, heads, splits, value_size), dtype=torch.float32)
    sums = query.new_empty((rows, heads, splits), dtype=torch.float32)
    output = query.new_empty((rows, heads, value_size))
    sides = [max(MIN_SIDE, triton.next_power_of_2(side)) for side in (heads // key_heads, size, value_size)]
    _attend_split[(rows, key_heads, splits)](
        query, keys, values, tables, positions, found, sums,
        *query.stride()[:2], keys.stride(1), keys.stride(2), values.stride(1), values.stride(2), tables.stride(0),
        scale * 1.4426950408889634,  # exponentials are of 2
        heads // key_heads, heads, size, value_size, *sides, page_tokens, splits,
        32 if query.dtype == torch.float32 or max(sides) > 128 else 64,
    )  # fmt: skip
    _weigh_splits[(rows, heads)](found, sums, output, heads, value_size, sides[2], splits)
    return output


@triton.jit
def _attend_split(
    query, keys, values, tables, positions, found, sums,
    query_row, query_head, key_cell, key_head, value_cell, value_head, table_row,
    scale,
    group, heads, size, value_size,
    GROUP: tl.constexpr, SIZE: tl.constexpr, VALUE_SIZE: tl.constexpr,
    PAGE: tl.constexpr, SPLITS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`found` is divided by the sum of exponentials, `sums` is its logarithm (to base 2); an empty split finds 0, -inf.
    A page's cells follow each other, so a cell is at page · PAGE + its place in it."""
    row = tl.program_id(0)
    head = tl.program_id(1)
    split = tl.program_id(2)
    length = tl.load(positions + row) + 1
    share = tl.cdiv(tl.cdiv(length, SPLITS), BLOCK) * BLOCK
    begin = split * share
    end = tl.minimum(begin + share, length)
    member = tl.arange(0, GROUP)
    part = tl.arange(0, SIZE)
    value_part = tl.arange(0, VALUE_SIZE)
    own_head = head * group + member
    is_own = (member < group)[:, None]
    own = tl.load(
        query + row * query_row + own_head[:, None] * query_head + part[None, :],
        mask=is_own & (part < size)[None, :], other=0.0,
    )  # fmt: skip
    most = tl.full([GROUP], float("-inf"), tl.float32)
    total = tl.zeros([GROUP], tl.float32)
    sum_of_values = tl.zeros([GROUP, VALUE_SIZE], tl.float32)
    for at in range(begin, end, BLOCK):
        position = at + tl.arange(0, BLOCK)
        is_seen = position < end
        page = tl.load(tables + row * table_row + position // PAGE, mask=is_seen, other=0)
        cell = page * PAGE + position % PAGE
        key = tl.load(
            keys + cell[None, :] * key_cell + head * key_head + part[:, None],
            mask=is_seen[None, :] & (part < size)[:, None], other=0.0,
        )  # fmt: skip
        scores = tl.dot(own, key, input_precision="ieee") * scale
        scores = tl.where(is_seen[None, :], scores, float("-inf"))
        new_most = tl.maximum(most, tl.max(scores, 1))
        shares = tl.exp2(scores - new_most[:, None])
        kept = tl.exp2(most - new_most)
        value = tl.load(
            values + cell[:, None] * value_cell + head * value_head + value_part[None, :],
            mask=is_seen[:, None] & (value_part < value_size)[None, :], other=0.0,
        )  # fmt: skip
        total = total * kept + tl.sum(shares, 1)
        sum_of_values = sum_of_values * kept[:, None] + tl.dot(shares.to(value.dtype), value, input_precision="ieee")
        most = new_most
    place = (row * heads + own_head) * SPLITS + split
    if begin < end:
        sum_of_values /= total[:, None]
        most += tl.log2(total)
    tl.store(
        found + place[:, None] * value_size + value_part[None, :], sum_of_values,
        mask=is_own & (value_part < value_size)[None, :],
    )  # fmt: skip
    tl.store(sums + place, most, mask=member < group)


@triton.jit
def _weigh_splits(
    found, sums, output, heads, value_size, VALUE_SIZE: tl.constexpr, SPLITS: tl.constexpr
):  # fmt: skip
    place = tl.program_id(0) * heads + tl.program_id(1)
    part = tl.arange(0, VALUE_SIZE)
    most = tl.load(sums + place * SPLITS)  # The first split is never empty.
    for split in range(1, SPLITS):
        most = tl.maximum(most, tl.load(sums + place * SPLITS + split))
    total = 0.0
    weighed = tl.zeros([VALUE_SIZE], tl.float32)
    for split in range(SPLITS):
        weight = tl.exp2(tl.load(sums + place * SPLITS + split) - most)
        values = tl.load(found + (place * SPLITS + split) * value_size + part, mask=part < value_size, other=0.0)
        weighed += weight * values
        total += weight
    tl.store(output + place * value_size + part, weighed / total, mask=part < value_size)
