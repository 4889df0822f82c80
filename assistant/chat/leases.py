"""The database side of a reply being written: who may write it, where it stands, how it ended.

Every write is a compare-and-set on the fence: a worker that lost its lease changes nothing. The only clock is the
database's.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import redis
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from assistant.adapters.registry import instead_of
from assistant.chat import search, stream
from assistant.chat.context import request_for
from assistant.chat.live_reply import LiveReply
from assistant.chat.models import Conversation, Generation, Message
from assistant.chat.signals import answered
from assistant.chat.stream import LogEntry, LogState
from assistant.errors import TABLE, AssistantError
from assistant.metrics import counts
from assistant.metrics.catalog import REPLIES, REPLY_WAIT
from inference.contract import EngineFailure, EngineInfo, GenerationRequest, StreamEvent

log = logging.getLogger(__name__)

DEAD_AFTER_S = 4.0
# The engine's word for an adapter that it cannot write with.
UNUSABLE = "adapter.unusable"
MAX_ATTEMPTS = 3
# Further than a log can be ahead of its checkpoint, so that a snapshot written after Redis lost the log
# comes after everything a browser may have seen.
SNAPSHOT_LEAP = 1000


@dataclass(frozen=True, slots=True)
class Checkpoint:
    seq: int
    token_ids: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a generation ended, in the form of its terminal log entry."""

    kind: stream.EntryKind
    data: dict[str, object]


def waiting(
    free: int, may_take_over: bool, worker_id: UUID | None = None, held: Collection[UUID] = ()
) -> list[Generation]:
    """The oldest generations that need a worker: queued ones, those that `worker_id` has claimed without being told so
    (it holds those in `held`) and, if asked for, those whose worker has died."""
    if free <= 0:
        return []
    needs_worker = Q(state=Generation.State.QUEUED) | Q(state=Generation.State.RUNNING, worker=worker_id)
    if may_take_over:
        died = Q(worker__beat_at__lt=Now() - timedelta(seconds=DEAD_AFTER_S)) | Q(worker=None)
        needs_worker |= Q(state=Generation.State.RUNNING) & died
    rows = Generation.objects.filter(needs_worker).exclude(pk__in=held).order_by("created_at")
    return list(rows.select_related("reply__parent__conversation", "conversation", "adapter")[:free])


def claim(
    generation: Generation, worker_id: UUID, engine: EngineInfo, unusable: Collection[UUID] = ()
) -> tuple[LiveReply, GenerationRequest] | None:
    """Take a generation, unless somebody was faster; None too when it could only be ended. Continues from the
    token ids that the log or the checkpoint holds, whichever is further; a reply of which there are none yet is written
    with another adapter where its own is `unusable` here. Raises redis.RedisError for a reply that was begun before and
    whose log cannot be read: people may have been shown more than its checkpoint knows."""
    fence = generation.fence + 1
    try:
        logged = stream.read_state(generation.pk, fence)
    except redis.RedisError:
        if generation.fence:
            raise
        logged = LogState(0, "", ())
    begun = bool(logged.token_ids or bytes(generation.checkpoint_token_ids))
    if generation.adapter and generation.adapter_id in unusable and not begun:
        generation.adapter = instead_of(generation.adapter, unusable, engine.base_model_sha256)
    # An own claim of which this worker was never told was no attempt.
    attempts = generation.attempts + (generation.worker_id != worker_id)
    taken = Generation.objects.filter(pk=generation.pk, fence=generation.fence, state__in=Generation.ACTIVE).update(
        state=Generation.State.RUNNING,
        worker_id=worker_id,
        fence=fence,
        attempts=attempts,
        adapter=generation.adapter,
        started_at=Coalesce("started_at", Now()),
    )
    if taken != 1:
        return None
    if generation.started_at is None:
        # By two clocks, the web process's and this one's, which may differ by a little.
        counts.observe(REPLY_WAIT, max(0.0, (timezone.now() - generation.created_at).total_seconds()))
    reply = _resume(generation, logged, fence)
    text, token_ids = reply.text, tuple(reply.token_ids)
    if generation.cancel_requested_at:
        _commit_and_log(reply, Generation.State.CANCELLED, "cancelled")
        return None
    if attempts > MAX_ATTEMPTS:
        _commit_and_log(reply, Generation.State.FAILED, error=AssistantError("generation.attempts_exhausted"))
        return None
    if text and generation.base_model_sha256 not in ("", engine.base_model_sha256):
        _commit_and_log(reply, Generation.State.FAILED, error=AssistantError("generation.model_changed"))
        return None
    adapter = generation.adapter
    if adapter and adapter.base_model_sha256 != engine.base_model_sha256:
        _commit_and_log(reply, Generation.State.FAILED, error=AssistantError("adapter.wrong_base"))
        return None
    return reply, request_for(generation, token_ids, text)


def cancelled(worker_id: UUID) -> QuerySet[Generation, UUID]:
    """Ids of the worker's generations that people want ended."""
    running = Generation.objects.filter(worker_id=worker_id, state=Generation.State.RUNNING)
    return running.exclude(cancel_requested_at=None).values_list("id", flat=True)


def save(moved: list[tuple[LiveReply, Checkpoint]], engine: EngineInfo | None) -> None:
    """Keep where the replies stand, in one transaction."""
    with transaction.atomic():
        for reply, checkpoint in moved:
            _own(reply).update(
                checkpoint_seq=checkpoint.seq,
                checkpoint_token_ids=array("I", checkpoint.token_ids).tobytes(),
                checkpoint_text=checkpoint.text,
                **_provenance(reply, engine),
            )
            reply.saved_seq = checkpoint.seq


def end(reply: LiveReply, ending: StreamEvent, engine: EngineInfo | None) -> Outcome | None:
    """Commit the end once. None when the lease is lost, or when another attempt is to follow."""
    if ending.failure is None:
        state = Generation.State.CANCELLED if ending.finish_reason == "cancelled" else Generation.State.COMPLETED
        return _commit(reply, state, ending.finish_reason or "", engine=engine)
    # Of a reply without a word, `claim` takes another adapter at the next attempt.
    may_change = ending.failure.code == UNUSABLE and not reply.token_ids
    if (ending.failure.retryable or may_change) and _own(reply).filter(attempts__lt=MAX_ATTEMPTS).update(
        state=Generation.State.QUEUED, worker=None
    ):
        log.warning("generation %s failed and is tried again: %s", reply.generation_id, ending.failure.message)
        return None
    return _commit(reply, Generation.State.FAILED, error=ending.failure, engine=engine)


def release(replies: list[LiveReply]) -> None:
    """Put replies back into the queue; a worker that leaves in order does not use up an attempt."""
    with transaction.atomic():
        for reply in replies:
            _own(reply).update(state=Generation.State.QUEUED, worker=None, attempts=F("attempts") - 1)


def outcome_of(generation: Generation) -> Outcome:
    """The terminal entry of a generation that has ended, from its row."""
    if generation.state == Generation.State.FAILED:
        return _failed(generation.error_code, generation.error_message, generation.text_sha256)
    return _finished(generation.finish_reason, generation.text_sha256)


def _own(reply: LiveReply) -> QuerySet[Generation]:
    return Generation.objects.filter(pk=reply.generation_id, fence=reply.fence, state=Generation.State.RUNNING)


def _resume(generation: Generation, logged: LogState, fence: int) -> LiveReply:
    """Set up what this process needs to go on with a reply. Where Redis lost the log the checkpoint must do."""
    ids = array("I")
    ids.frombytes(bytes(generation.checkpoint_token_ids))
    saved = LogState(generation.checkpoint_seq, generation.checkpoint_text, tuple(ids))
    reply = LiveReply(
        generation_id=generation.pk,
        reply_id=generation.reply_id,
        conversation_id=generation.conversation_id,
        owner_id=generation.conversation.owner_id,
        fence=fence,
    )
    if logged.seq >= saved.seq:
        state, reply.logged_seq = logged, logged.seq
    else:
        state = LogState(saved.seq + SNAPSHOT_LEAP, saved.text, saved.token_ids)
    if state.seq:
        reply.base = LogEntry(state.seq, "snapshot", {"text": state.text}, state.token_ids)
        reply.seq = reply.saved_seq = state.seq
        reply.pieces, reply.token_ids = [state.text], list(state.token_ids)
    return reply


def _commit(
    reply: LiveReply,
    state: Generation.State,
    finish_reason: str = "",
    error: AssistantError | EngineFailure | None = None,
    engine: EngineInfo | None = None,
) -> Outcome | None:
    text = reply.text
    sha256 = stream.text_sha256(text)
    with transaction.atomic():
        # Before all else, as whoever takes the conversation over does: then either this reply is there before that, or
        # it is a draft.
        conversation = Conversation.objects.select_for_update(no_key=True).filter(pk=reply.conversation_id).first()
        committed = _own(reply).update(
            state=state,
            finish_reason=finish_reason,
            error_code=error.code if error else "",
            error_message=error.message[:500] if error else "",
            completion_tokens=len(reply.token_ids),
            text_sha256=sha256,
            finished_at=Now(),
            checkpoint_token_ids=array("I", reply.token_ids).tobytes(),
            checkpoint_text="",
            **_provenance(reply, engine),
        )
        if committed != 1 or conversation is None:
            return None
        message = Message.including_drafts.get(pk=reply.reply_id)
        message.text, message.conversation = text, conversation
        message.save(update_fields=["text"])
        if not message.is_draft:
            search.index_messages([message])
            # A reply that its reader stopped is no news to them.
            news = {} if state == Generation.State.CANCELLED else {"answered_at": Now()}
            # Not the database's clock, which on SQLite has fewer digits than what pages of the list are compared with.
            Conversation.objects.filter(pk=reply.conversation_id).update(updated_at=timezone.now(), **news)
        answered.send(sender=None, conversation=conversation, message=message, state=state)
    # An engine from elsewhere may have codes of its own, without end.
    code = error and (error.code if error.code in TABLE else "other")
    counts.count(REPLIES, state, code or finish_reason)
    stream.hint(reply.owner_id, reply.conversation_id)
    return _failed(error.code, error.message, sha256) if error else _finished(finish_reason, sha256)


def _commit_and_log(
    reply: LiveReply, state: Generation.State, finish_reason: str = "", error: AssistantError | None = None
) -> None:
    """End a reply that no engine will see again. Should the log not take it, readers find the end in the database."""
    outcome = _commit(reply, state, finish_reason, error)
    if outcome is None:
        return
    reply.close(outcome.kind, outcome.data)
    after, entries = reply.unlogged()
    try:
        stream.append_script()(
            **stream.append_arguments(reply.generation_id, reply.fence, after, entries, stream.ENDED_TTL_S)
        )
    except redis.RedisError as problem:
        log.warning("the end of generation %s is not in its log: %s", reply.generation_id, problem)


def _provenance(reply: LiveReply, engine: EngineInfo | None) -> dict[str, object]:
    """What wrote this reply, once known."""
    fields: dict[str, object] = {}
    if engine and not reply.is_served:
        fields |= {"base_model": engine.base_model, "base_model_sha256": engine.base_model_sha256}
    if reply.prompt:
        fields |= {
            "prompt_sha256": reply.prompt.sha256,
            "prompt_tokens": reply.prompt.tokens or None,
            "chat_template_sha256": reply.prompt.chat_template_sha256,
            "dropped_messages": reply.prompt.dropped_messages,
        }
    if reply.first_token_at:
        fields["first_token_at"] = Coalesce("first_token_at", reply.first_token_at)
    return fields


def _finished(finish_reason: str, sha256: str) -> Outcome:
    return Outcome("finished", {"finish_reason": finish_reason, "text_sha256": sha256})


def _failed(code: str, message: str, sha256: str) -> Outcome:
    retryable = AssistantError.is_retryable(code)
    return Outcome("failed", {"code": code, "message": message, "retryable": retryable, "text_sha256": sha256})
