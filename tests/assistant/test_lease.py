"""One worker at a time writes a reply; whoever lost the lease changes nothing any more."""

from __future__ import annotations

import pytest
import redis

from assistant.chat import actions, leases, stream
from assistant.chat.actions import Accepted
from assistant.chat.leases import Checkpoint
from assistant.chat.stream import LogEntry
from assistant.models import Generation, Message, Person, Worker
from assistant.runtime.valkey import EmbeddedValkey
from inference.contract import EngineFailure, EngineInfo, FinishReason, StreamEvent
from tests.assistant.rows import worker

ENGINE = EngineInfo("scripted", "scripted", "0" * 64, "none", 1000, 4)


def finished(accepted: Accepted, reason: FinishReason = "stop") -> StreamEvent:
    return StreamEvent("finished", str(accepted.generation_id), finish_reason=reason)


def failed(accepted: Accepted, *, retryable: bool) -> StreamEvent:
    failure = EngineFailure("engine.step_failed", "It broke.", retryable)
    return StreamEvent("failed", str(accepted.generation_id), failure=failure)


def claim(by: Worker, *, may_take_over: bool = True) -> list[leases.LiveReply]:
    found = [leases.claim(row, by.id, ENGINE) for row in leases.waiting(10, may_take_over)]
    return [claimed[0] for claimed in found if claimed]


def test_a_queued_reply_is_claimed_by_exactly_one_worker(asked: Accepted) -> None:
    one, two = worker(), worker()
    row_of_two = leases.waiting(10, may_take_over=True)[0]

    assert len(claim(one)) == 1
    assert leases.claim(row_of_two, two.id, ENGINE) is None

    generation = Generation.objects.get()
    assert (generation.worker, generation.fence, generation.attempts) == (one, 1, 1)


def test_a_reply_whose_worker_beats_is_left_alone(asked: Accepted) -> None:
    claim(worker(beat_ago_s=3))

    assert claim(worker()) == []


def test_a_reply_whose_worker_stopped_beating_is_taken_over(asked: Accepted) -> None:
    claim(worker(beat_ago_s=5))

    assert claim(worker(), may_take_over=False) == []
    assert len(claim(worker())) == 1
    assert Generation.objects.get().fence == 2


def test_a_claim_whose_answer_was_lost_is_made_again_by_the_worker_itself(asked: Accepted) -> None:
    """The database took it and went away before it could say so: the worker lives, so nobody else ever would."""
    me = worker()
    claim(me)

    [row] = leases.waiting(10, may_take_over=False, worker_id=me.id)
    assert leases.claim(row, me.id, ENGINE) is not None

    generation = Generation.objects.get()
    assert (generation.fence, generation.attempts) == (2, 1)  # no engine has tried it yet


def test_a_worker_takes_nothing_over_from_itself(asked: Accepted) -> None:
    me = worker(beat_ago_s=5)
    [reply] = claim(me)

    assert leases.waiting(10, may_take_over=True, worker_id=me.id, held=[reply.generation_id]) == []


def test_the_worker_that_lost_its_lease_cannot_commit(asked: Accepted) -> None:
    [late] = claim(worker(beat_ago_s=5))
    [new] = claim(worker())
    late.pieces, new.pieces = ["late"], ["new"]

    assert leases.end(late, finished(asked), ENGINE) is None
    assert leases.end(new, finished(asked), ENGINE) is not None

    assert Message.objects.get(pk=asked.reply_id).text == "new"


def test_the_end_is_committed_once(asked: Accepted) -> None:
    [reply] = claim(worker())
    reply.pieces = ["Hello!"]

    outcome = leases.end(reply, finished(asked), ENGINE)

    assert outcome is not None
    assert outcome.data == {"finish_reason": "stop", "text_sha256": stream.text_sha256("Hello!")}
    assert leases.end(reply, finished(asked), ENGINE) is None
    assert Generation.objects.get().base_model_sha256 == "0" * 64


def test_another_worker_goes_on_from_the_log(asked: Accepted) -> None:
    claim(worker(beat_ago_s=5))
    entries = [
        LogEntry(1, "started", {"dropped_messages": 0}),
        LogEntry(2, "delta", {"delta": "Once "}, (7,)),
        LogEntry(3, "delta", {"delta": "upon"}, (8, 9)),
    ]
    stream.append_script()(**stream.append_arguments(asked.generation_id, 1, 0, entries))

    [row] = leases.waiting(10, may_take_over=True)
    claimed = leases.claim(row, worker().id, ENGINE)

    assert claimed is not None
    reply, request = claimed
    assert request.prefix_token_ids == (7, 8, 9)
    assert request.owner == str(row.conversation.owner_id)
    assert (reply.text, reply.seq, reply.logged_seq) == ("Once upon", 3, 3)


def test_another_worker_goes_on_from_the_checkpoint_when_the_log_is_gone(asked: Accepted) -> None:
    [reply] = claim(worker(beat_ago_s=5))
    leases.save([(reply, Checkpoint(40, (7, 8), "Once upon"))], ENGINE)

    [row] = leases.waiting(10, may_take_over=True)
    claimed = leases.claim(row, worker().id, ENGINE)

    assert claimed is not None
    reply, request = claimed
    assert request.prefix_token_ids == (7, 8)
    after, [snapshot] = reply.unlogged()
    assert (after, snapshot.kind, snapshot.data) == (-1, "snapshot", {"text": "Once upon"})
    assert snapshot.seq > 40 + 100  # beyond what any browser can have seen


def test_a_reply_that_was_begun_waits_for_redis_to_come_back(asked: Accepted, valkey: EmbeddedValkey) -> None:
    [late] = claim(worker(beat_ago_s=5))
    shown = LogEntry(1, "delta", {"delta": "Once upon"}, (7, 8))
    stream.append_script()(**stream.append_arguments(asked.generation_id, late.fence, 0, [shown]))
    leases.save([(late, Checkpoint(1, (7,), "Once"))], ENGINE)
    before = Generation.objects.values().get()

    valkey.stop()
    [row] = leases.waiting(10, may_take_over=True)
    with pytest.raises(redis.RedisError):
        leases.claim(row, worker().id, ENGINE)
    assert Generation.objects.values().get() == before

    valkey.start()
    [reply] = claim(worker())
    assert (reply.text, reply.token_ids) == ("Once upon", [7, 8])


def test_a_reply_that_nobody_has_begun_is_claimed_without_redis(asked: Accepted, valkey: EmbeddedValkey) -> None:
    valkey.stop()

    assert len(claim(worker())) == 1

    valkey.start()


def test_a_worker_that_lost_its_lease_writes_nothing_behind_what_the_next_has_read(asked: Accepted) -> None:
    [late] = claim(worker(beat_ago_s=5))
    [new] = claim(worker())

    answer = stream.append_script()(
        **stream.append_arguments(asked.generation_id, late.fence, 0, [LogEntry(1, "delta", {"delta": "late"}, (7,))])
    )

    assert answer == stream.FENCED_OUT
    assert stream.read_state(asked.generation_id).seq == new.seq == 0


def test_after_three_attempts_the_reply_fails_and_keeps_its_text(asked: Accepted) -> None:
    for _ in range(leases.MAX_ATTEMPTS):
        [reply] = claim(worker(beat_ago_s=5))
    leases.save([(reply, Checkpoint(40, (7, 8), "Once upon"))], ENGINE)

    assert claim(worker()) == []

    generation = Generation.objects.get()
    assert (generation.state, generation.error_code) == ("failed", "generation.attempts_exhausted")
    assert Message.objects.get(pk=asked.reply_id).text == "Once upon"


def test_a_failure_that_may_pass_is_tried_again(asked: Accepted) -> None:
    [reply] = claim(worker())

    assert leases.end(reply, failed(asked, retryable=True), ENGINE) is None
    assert Generation.objects.get().state == "queued"


def test_a_failure_that_will_not_pass_is_final(asked: Accepted) -> None:
    [reply] = claim(worker())

    outcome = leases.end(reply, failed(asked, retryable=False), ENGINE)

    assert outcome is not None
    assert outcome.data["code"] == "engine.step_failed"
    assert Generation.objects.get().state == "failed"


def test_a_worker_that_leaves_in_order_uses_up_no_attempt(asked: Accepted) -> None:
    [reply] = claim(worker())

    leases.release([reply])

    generation = Generation.objects.get()
    assert (generation.state, generation.attempts, generation.worker) == ("queued", 0, None)


def test_a_stop_is_honoured_by_whoever_takes_over(alice: Person, asked: Accepted) -> None:
    claim(worker(beat_ago_s=5))
    actions.stop_generation(alice.id, asked.generation_id)

    assert claim(worker()) == []
    assert Generation.objects.get().state == "cancelled"


def test_a_reply_is_not_continued_by_another_model(asked: Accepted) -> None:
    [reply] = claim(worker(beat_ago_s=5))
    leases.save([(reply, Checkpoint(40, (7, 8), "Once upon"))], ENGINE)
    other = EngineInfo("scripted", "other", "1" * 64, "none", 1000, 4)

    [row] = leases.waiting(10, may_take_over=True)
    assert leases.claim(row, worker().id, other) is None

    assert Generation.objects.get().error_code == "generation.model_changed"


def test_the_end_of_a_reply_given_up_stands_in_its_log(asked: Accepted) -> None:
    claim(worker(beat_ago_s=5))
    Generation.objects.update(attempts=3)

    claim(worker())

    [(_, fields)] = stream.connection().xrange(stream.log_key(asked.generation_id))
    assert LogEntry.parse(1, fields[b"e"]).data["code"] == "generation.attempts_exhausted"
    assert leases.outcome_of(Generation.objects.get()).kind == "failed"
