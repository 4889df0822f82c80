"""Attention of blocks of tokens over keys and values in pages, read where they lie (flash-decoding).

A block's positions are shared among `splits` programs, so that few blocks too keep a GPU busy; a second kernel weighs
what they found by their sums of exponentials (Dao et al. 2023, "Flash-Decoding for long-context inference"). The tokens
of a block and the query heads that share a key head are the rows of one matrix product.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

# The smallest side of a matrix product in Triton.
MIN_SIDE = 16
# Programs that a GPU shall have at least; the largest have some 150 multiprocessors, which run several each.
PROGRAMS = 256
MAX_SPLITS = 16


def attend(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    tables: Tensor,
    slots: Tensor,
    positions: Tensor,
    tokens: int,
    scale: float,
) -> Tensor:
    """What `query` [n, heads, size] at `positions` [n] finds at its own and all earlier positions of its slot.

    `keys` and `values` are [pages, tokens in a page, key heads, size], `tables` [slots, pages of a slot]. The n are
    blocks of `tokens`, all of the slot of the block's first one. Returns [n, heads, size of values].
    """
    n, heads, size = query.shape
    _, page_tokens, key_heads, value_size = values.shape
    group = heads // key_heads
    blocks = n // tokens
    splits = min(MAX_SPLITS, max(1, PROGRAMS // (blocks * key_heads)))
    found = query.new_empty((n, heads, splits, value_size), dtype=torch.float32)
    sums = query.new_empty((n, heads, splits), dtype=torch.float32)
    output = query.new_empty((n, heads, value_size))
    sides = [max(MIN_SIDE, triton.next_power_of_2(side)) for side in (tokens * group, size, value_size)]
    _attend_split[(blocks, key_heads, splits)](
        query, keys, values, tables, slots, positions, found, sums,
        *query.stride()[:2], keys.stride(1), keys.stride(2), values.stride(1), values.stride(2), tables.stride(0),
        scale / math.log(2),  # The exponentials are of 2.
        group, heads, size, value_size, tokens, *sides, page_tokens, splits,
        32 if query.dtype == torch.float32 or max(sides) > 128 else 64,
    )  # fmt: skip
    _weigh_splits[(n, heads)](found, sums, output, heads, value_size, sides[2], splits)
    return output


@triton.jit
def _attend_split(  # type: ignore[no-untyped-def]  # Triton reads what annotations say
    query, keys, values, tables, slots, positions, found, sums,
    query_row, query_head, key_cell, key_head, value_cell, value_head, table_row,
    scale,
    group, heads, size, value_size,
    TOKENS: tl.constexpr, ROWS: tl.constexpr, SIZE: tl.constexpr, VALUE_SIZE: tl.constexpr,
    PAGE: tl.constexpr, SPLITS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`found` is divided by the sum of exponentials, `sums` is its logarithm (to base 2); where a split has nothing for
    a token they are 0 and -inf. A page's cells follow each other, so a cell is at page · PAGE + its place in it."""
    first = tl.program_id(0) * TOKENS
    head = tl.program_id(1)
    split = tl.program_id(2)
    table = tables + tl.load(slots + first) * table_row
    row = tl.arange(0, ROWS)
    part = tl.arange(0, SIZE)
    value_part = tl.arange(0, VALUE_SIZE)
    token = first + row // group
    own_head = head * group + row % group
    is_own = row < TOKENS * group
    position = tl.load(positions + token, mask=is_own, other=0)
    length = tl.max(position, 0) + 1
    share = tl.cdiv(tl.cdiv(length, SPLITS), BLOCK) * BLOCK
    begin = split * share
    end = tl.minimum(begin + share, length)
    own = tl.load(
        query + token[:, None] * query_row + own_head[:, None] * query_head + part[None, :],
        mask=is_own[:, None] & (part < size)[None, :], other=0.0,
    )  # fmt: skip
    most = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    sum_of_values = tl.zeros([ROWS, VALUE_SIZE], tl.float32)
    for at in range(begin, end, BLOCK):
        there = at + tl.arange(0, BLOCK)
        is_there = there < end
        page = tl.load(table + there // PAGE, mask=is_there, other=0)
        cell = page * PAGE + there % PAGE
        key = tl.load(
            keys + cell[None, :] * key_cell + head * key_head + part[:, None],
            mask=is_there[None, :] & (part < size)[:, None], other=0.0,
        )  # fmt: skip
        scores = tl.dot(own, key, input_precision="ieee") * scale
        scores = tl.where(there[None, :] <= position[:, None], scores, float("-inf"))
        new_most = tl.maximum(most, tl.max(scores, 1))
        # A token may see nothing of what the last one of its block sees.
        base = tl.where(new_most == float("-inf"), 0.0, new_most)
        shares = tl.exp2(scores - base[:, None])
        kept = tl.exp2(most - base)
        value = tl.load(
            values + cell[:, None] * value_cell + head * value_head + value_part[None, :],
            mask=is_there[:, None] & (value_part < value_size)[None, :], other=0.0,
        )  # fmt: skip
        total = total * kept + tl.sum(shares, 1)
        sum_of_values = sum_of_values * kept[:, None] + tl.dot(shares.to(value.dtype), value, input_precision="ieee")
        most = new_most
    divisor = tl.where(total == 0.0, 1.0, total)
    place = (token * heads + own_head) * SPLITS + split
    tl.store(
        found + place[:, None] * value_size + value_part[None, :], sum_of_values / divisor[:, None],
        mask=is_own[:, None] & (value_part < value_size)[None, :],
    )  # fmt: skip
    tl.store(sums + place, most + tl.log2(divisor), mask=is_own)


@triton.jit
def _weigh_splits(  # type: ignore[no-untyped-def]  # Triton reads what annotations say
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
