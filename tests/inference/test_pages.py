"""Pages of earlier replies stay readable, in no more memory than they may take."""

from __future__ import annotations

import pytest

from inference.serving import memory
from inference.serving.pages import PagePool


def test_what_is_only_kept_is_given_away_before_more_memory_is_taken() -> None:
    pool = PagePool(8, first=100, kept=2)
    first = pool.take(2)
    for page in first:
        pool.publish(page, bytes([page]))
    pool.release(first)

    again = pool.take(3)  # more than may be kept, but these are in use

    assert set(first) < set(again) <= set(range(100, 108))
    assert pool.take_known([bytes([first[0]])]) == []
    assert pool.available == 5


def test_pages_are_kept_as_long_as_they_may_take_memory() -> None:
    pool = PagePool(8)
    first = pool.take(2)
    for page in first:
        pool.publish(page, bytes([page]))
    pool.release(first)

    pool.take(6)

    assert pool.take_known([bytes([page]) for page in first]) == first


@pytest.mark.parametrize(("budget_mib", "device", "kept"), [(0, "cpu", 112), (500, "cpu", 500), (0, "cuda", 500)])
def test_only_where_nothing_was_said_of_memory_a_processor_keeps_little(
    budget_mib: int, device: str, kept: int
) -> None:
    assert memory.pages_to_keep(1 << 20, 500, budget_mib, device) == kept
