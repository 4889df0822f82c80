"""The token log takes each entry once, in order, from the newest holder of the lease alone."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from assistant.chat import stream
from assistant.chat.live_reply import LiveReply
from assistant.chat.stream import FENCED_OUT, LogEntry
from assistant.runtime.valkey import EmbeddedValkey
from inference.contract import StreamEvent

pytestmark = pytest.mark.usefixtures("valkey")


def delta(seq: int, text: str = "x") -> LogEntry:
    return LogEntry(seq, "delta", {"delta": text}, (seq,))


def append(id_: UUID, fence: int, after: int, *entries: LogEntry) -> int:
    return stream.append_script()(**stream.append_arguments(id_, fence, after, list(entries)))


def test_entries_are_read_as_they_were_written() -> None:
    id_ = uuid7()

    assert append(id_, 1, 0, delta(1, "你好 "), delta(2, "🦆")) == 2

    assert stream.read_state(id_) == stream.LogState(2, "你好 🦆", (1, 2))


def test_an_entry_sent_twice_is_stored_once() -> None:
    id_ = uuid7()
    append(id_, 1, 0, delta(1), delta(2))

    assert append(id_, 1, 0, delta(1), delta(2), delta(3)) == 3

    assert stream.read_state(id_).token_ids == (1, 2, 3)


def test_a_writer_with_an_older_fence_is_refused() -> None:
    id_ = uuid7()
    append(id_, 2, 0, delta(1))

    assert append(id_, 1, 1, delta(2)) == FENCED_OUT

    assert stream.read_state(id_).seq == 1


def test_a_log_that_lost_its_tail_says_where_it_ends() -> None:
    id_ = uuid7()
    append(id_, 1, 0, delta(1))

    assert append(id_, 1, 5, delta(6)) == 1

    assert stream.read_state(id_).seq == 1


def test_a_snapshot_stands_for_all_before_it() -> None:
    id_ = uuid7()
    append(id_, 1, 0, delta(1, "lost"))
    append(id_, 2, -1, LogEntry(1040, "snapshot", {"text": "Once "}, (7,)), delta(1041, "upon"))

    assert stream.read_state(id_) == stream.LogState(1041, "Once upon", (7, 1041))


def test_logs_do_not_stay_for_ever() -> None:
    id_ = uuid7()
    append(id_, 1, 0, delta(1))

    assert 0 < stream.connection().ttl(stream.log_key(id_)) <= stream.RUNNING_TTL_S


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.text(min_size=1, max_size=3), st.integers(0, 3)), max_size=30))
def test_whatever_redis_loses_while_a_reply_is_written_is_there_at_the_end(
    valkey: EmbeddedValkey, steps: list[str | int]
) -> None:
    """A text is a delta; a number n wipes the log (0) or cuts its last n entries off."""
    reply = LiveReply(uuid7(), uuid7(), uuid7(), uuid7(), fence=1)
    redis, key = stream.connection(), stream.log_key(reply.generation_id)

    def flush() -> None:
        while reply.logged_seq < reply.seq:
            reply.logged_seq = append(reply.generation_id, reply.fence, *_flat(reply.unlogged()))

    for number, step in enumerate(steps):
        if isinstance(step, str):
            reply.take([StreamEvent("delta", str(reply.generation_id), (number,), step)])
            flush()
        elif step == 0:
            redis.delete(key)
        else:
            kept = redis.xrange(key)[:-step]
            redis.delete(key)
            for entry_id, fields in kept:
                redis.xadd(key, fields, id=entry_id)
    reply.take([StreamEvent("delta", str(reply.generation_id), (len(steps),), "end")])
    flush()

    state = stream.read_state(reply.generation_id)
    assert (state.text, state.token_ids) == (reply.text, tuple(reply.token_ids))


def _flat(unlogged: tuple[int, list[LogEntry]]) -> tuple[int, *tuple[LogEntry, ...]]:
    return unlogged[0], *unlogged[1]
