"""What an engine counts of its own work is what it did."""

from __future__ import annotations

from inference.contract import EngineMetrics
from inference.serving.engine import TransformersEngine
from tests.inference.listening import Listener, ask, ids_of


def metrics_of(listener: Listener) -> EngineMetrics:
    assert isinstance(listener.engine, TransformersEngine)
    return listener.engine.metrics


def test_each_reply_has_one_first_token_and_a_gap_before_each_other(tiny: Listener) -> None:
    before = metrics_of(tiny)
    replies = tiny.run(*(ask(max_tokens=tokens) for tokens in (3, 7, 12)))
    after = metrics_of(tiny)

    written = sum(len(ids_of(events)) for events in replies)
    assert after.tokens_written - before.tokens_written == written
    assert sum(after.first_token.counts) - sum(before.first_token.counts) == len(replies)
    assert sum(after.gap.counts) - sum(before.gap.counts) == written - len(replies)
    assert after.first_token.sum_s > before.first_token.sum_s


def test_times_are_counted_by_size(tiny: Listener) -> None:
    tiny.run(ask(max_tokens=10))

    for times in (metrics_of(tiny).first_token, metrics_of(tiny).gap):
        assert len(times.counts) == len(times.bounds) + 1
        assert list(times.bounds) == sorted(times.bounds)
        # The sum lies between what all times would come to at the lower and at the upper end of their bucket.
        lows = sum(count * low for count, low in zip(times.counts, (0.0, *times.bounds), strict=True))
        highs = sum(
            count * high for count, high in zip(times.counts, (*times.bounds, float("inf")), strict=True) if count
        )
        assert lows <= times.sum_s <= highs
