"""An agent takes over within 50 ms of the moment at which a worker commits the reply, again and again, in real threads
on the real database: what the visitor sees when the takeover is done is all of the assistant that they ever see."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID

import pytest
from django.db import connection

from assistant.chat import leases
from assistant.chat.live_reply import LiveReply
from assistant.desk import casework, handoff
from assistant.errors import AssistantError
from assistant.feedback import reviews
from assistant.finetuning import examples
from assistant.models import Case, Conversation, Example, HandoffEvent, Message, Person, SearchText, Visitor
from inference.contract import StreamEvent
from tests.assistant.answering import ENGINE
from tests.assistant.desk.rows import reply, say
from tests.assistant.rows import worker

pytestmark = pytest.mark.django_db(transaction=True)

COMMIT_AFTER_S = 0.05
SECRETS = ("ann@example.com", "4111 1111 1111 1111", "+1 650 253 0000", "zugzwang", "quixotic")


def claimed(generation_id: UUID | None, number: int, worker_id: UUID) -> LiveReply:
    """A reply with its words, of which the end is not committed yet."""
    row = next(row for row in leases.waiting(100, may_take_over=False) if row.pk == generation_id)
    found = leases.claim(row, worker_id, ENGINE)
    assert found is not None
    id_ = str(generation_id)
    found[0].take([StreamEvent("delta", id_, (1,), f"Answer {number} about seahorses"), _end(id_)])
    return found[0]


def _end(id_: str) -> StreamEvent:
    return StreamEvent("finished", id_, finish_reason="stop")


def commit(live: LiveReply, at: float) -> None:
    try:
        time.sleep(max(0.0, at - time.perf_counter()))
        assert leases.end(live, _end(str(live.generation_id)), ENGINE) is not None
    finally:
        connection.close()


def take(agent_id: UUID, conversation_id: UUID, at: float) -> set[UUID]:
    """What the visitor sees of the assistant once the takeover is committed."""
    try:
        time.sleep(max(0.0, at - time.perf_counter()))
        handoff.take(agent_id, conversation_id)
        return visible(conversation_id)
    finally:
        connection.close()


def visible(conversation_id: UUID) -> set[UUID]:
    return set(Message.objects.filter(conversation=conversation_id, role="assistant").values_list("id", flat=True))


@pytest.mark.parametrize("takeovers", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_nothing_of_the_assistant_comes_after_a_takeover(
    takeovers: int, visitor: Visitor, dora: Person, bob: Person
) -> None:
    hidden, worker_id = 0, worker().id
    with ThreadPoolExecutor(2) as pool:
        for number in range(takeovers):
            asked = say(visitor, f"Question {number}: I am ann@example.com, 4111 1111 1111 1111, +1 650 253 0000.")
            live = claimed(asked.generation_id, number, worker_id)
            commit_at = time.perf_counter() + COMMIT_AFTER_S
            offset_s = (number * 37 % 101 - 50) / 1000
            committing = pool.submit(commit, live, commit_at)
            taking = pool.submit(take, dora.id, asked.conversation_id, commit_at + offset_s)
            committing.result()
            seen = taking.result()

            conversation = Conversation.objects.select_related("head").get(pk=asked.conversation_id)
            assert visible(conversation.pk) == seen
            assert conversation.head is not None
            assert not conversation.head.is_draft
            is_hidden = not seen
            assert conversation.head_id == (asked.message_id if is_hidden else asked.reply_id)
            assert SearchText.objects.filter(message=asked.reply_id).exists() != is_hidden
            assert Message.including_drafts.get(pk=asked.reply_id).text == f"Answer {number} about seahorses"
            hidden += is_hidden
            casework.add_note(dora.id, conversation.pk, "quixotic, a zugzwang")
            reply(dora, conversation.pk, f"Answer {number} of mine. I wrote to ann@example.com.")
            assert visible(conversation.pk) == seen
    print(f"{hidden} of {takeovers} replies became drafts")
    assert 0 < hidden < takeovers  # both ways were taken

    while (review := reviews.take_next(bob.id)) is not None:
        reviews.accept(bob.id, review.id)
    examples.build()
    pairs = Example.objects.filter(kind="preference", status="approved")
    assert pairs.count() > 0
    for example in Example.objects.all():
        learned = str([example.prompt, example.completion, example.chosen, example.rejected])
        assert not [word for word in SECRETS if word in learned]


def test_a_takeover_and_a_commit_at_once_never_lock_each_other(visitor: Visitor, dora: Person) -> None:
    """While the visitor writes, too: each of the three waits for the conversation, and none for another's rows."""
    worker_id = worker().id
    with ThreadPoolExecutor(3) as pool:
        for number in range(20):
            asked = say(visitor, f"Question {number}")
            live = claimed(asked.generation_id, number, worker_id)
            at = time.perf_counter() + 0.01
            committing = pool.submit(commit, live, at)
            taking = pool.submit(take, dora.id, asked.conversation_id, at)
            writing = pool.submit(write, visitor, asked.conversation_id, at)
            committing.result()
            writing.result()
            seen = taking.result()
            assert visible(asked.conversation_id) == seen


def test_of_two_agents_at_once_one_has_it(visitor: Visitor, dora: Person, eve: Person) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(10):
            asked = say(visitor)
            at = time.perf_counter() + 0.01
            tries = [pool.submit(take, agent.id, asked.conversation_id, at) for agent in (dora, eve)]
            [refused] = [problem for each in tries if (problem := each.exception())]
            assert isinstance(refused, AssistantError)
            assert refused.code == "desk.taken"
            events = HandoffEvent.objects.filter(case=asked.conversation_id)
            assert [event.actor for event in events] == [Case.objects.get(pk=asked.conversation_id).assignee]


def write(visitor: Visitor, conversation_id: UUID, at: float) -> None:
    try:
        time.sleep(max(0.0, at - time.perf_counter()))
        with suppress(AssistantError):  # conversation.busy, where nobody was faster
            say(visitor, "More", conversation_id)
    finally:
        connection.close()
