"""Whatever a visitor, two agents and a worker do in any order: who answers is the same wherever it is written down, and
where a person answers the assistant is not heard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from assistant.chat import actions, leases
from assistant.chat.branches import path_to
from assistant.chat.signals import settled
from assistant.desk import casework, drafts, handoff
from assistant.errors import AssistantError
from assistant.models import (
    Alert,
    Case,
    Conversation,
    Generation,
    HandoffEvent,
    Message,
    SearchText,
)
from inference.contract import EngineFailure, StreamEvent
from tests.assistant.answering import ENGINE
from tests.assistant.desk import rows
from tests.assistant.rows import worker

pytestmark = pytest.mark.django_db

Agents = st.sampled_from(["dora", "eve"])


class Desk(RuleBasedStateMachine):
    """One conversation of a shop that hands over by words and when the assistant is unsure."""

    def __init__(self) -> None:
        super().__init__()
        self._example = transaction.atomic()
        self._example.__enter__()
        shop = rows.site(handoff_rules={"words": ["lawyer"], "when_unsure": True})
        self.visitor = rows.visitor(shop)
        self.agents = {name: rows.agent(name, shop.team) for name in ("dora", "eve")}
        self.worker_id = worker().id
        self.seen: dict[int, set[UUID]] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._example.__exit__(None, None, None)

    @initialize()
    def begin(self) -> None:
        self.id = rows.say(self.visitor).conversation_id

    @rule(text=st.sampled_from(["Hello?", "My lawyer will call you"]))
    def visitor_says(self, text: str) -> None:
        self._try(lambda: rows.say(self.visitor, text, self.id))

    @rule()
    def visitor_asks_for_a_person(self) -> None:
        handoff.ask_for_person(self.id)

    @rule()
    def visitor_ends_it(self) -> None:
        handoff.resolve(None, self.id)

    @rule()
    def visitor_wants_another_answer(self) -> None:
        reply = Message.objects.filter(role="assistant").last()
        if reply:
            self._try(lambda: actions.regenerate(self.visitor.pk, reply.pk))

    @rule(number=st.integers(0, 20))
    def visitor_looks_at_another_branch(self, number: int) -> None:
        ids = list(Message.objects.values_list("pk", flat=True))
        self._try(lambda: actions.look_at_branch(self.visitor.pk, self.id, ids[number % len(ids)]))

    @rule(agent=Agents)
    def take(self, agent: str) -> None:
        self._try(lambda: handoff.take(self.agents[agent].pk, self.id))

    @rule(agent=Agents)
    def give_back(self, agent: str) -> None:
        handoff.give_back(self.agents[agent].pk, self.id)

    @rule(agent=Agents)
    def resolve(self, agent: str) -> None:
        handoff.resolve(self.agents[agent].pk, self.id)

    @rule(agent=Agents, with_draft=st.booleans())
    def reply(self, agent: str, with_draft: bool) -> None:
        person = self.agents[agent]
        offered = drafts.drafts(person.pk, self.id) if with_draft else []
        rows.reply(person, self.id, "Here I am.", draft_id=offered[0].id if offered else None)

    @rule(agent=Agents)
    def suggest(self, agent: str) -> None:
        drafts.suggest(self.agents[agent].pk, self.id)

    @rule(agent=Agents, to=st.sampled_from(["dora", "eve", None]))
    def assign(self, agent: str, to: str | None) -> None:
        casework.assign(self.agents[agent].pk, self.id, self.agents[to].pk if to else None)

    @rule(agent=Agents)
    def snooze(self, agent: str) -> None:
        casework.snooze(self.agents[agent].pk, self.id, timezone.now() + timedelta(hours=1))

    @rule(agent=Agents)
    def note(self, agent: str) -> None:
        casework.add_note(self.agents[agent].pk, self.id, "zugzwang")

    @rule(is_unsure=st.booleans(), fails=st.booleans())
    def worker_writes(self, is_unsure: bool, fails: bool) -> None:
        """Take the oldest reply that waits, settle what it is given from, and commit its end."""
        waiting = leases.waiting(1, may_take_over=True, worker_id=self.worker_id)
        found = leases.claim(waiting[0], self.worker_id, ENGINE) if waiting else None
        if found is None:
            return
        live, _ = found
        knowledge = Generation.Knowledge.NONE if is_unsure else Generation.Knowledge.CONTEXT
        Generation.objects.filter(pk=live.generation_id).update(knowledge=knowledge)
        settled.send(sender=None, generation=Generation.objects.get(pk=live.generation_id))
        id_ = str(live.generation_id)
        live.take([StreamEvent("delta", id_, (1,), "Seahorses.")])
        failure = EngineFailure("engine.step_failed", "It failed.", retryable=False) if fails else None
        ending = StreamEvent("failed" if fails else "finished", id_, finish_reason="stop", failure=failure)
        assert leases.end(live, ending, ENGINE) is not None

    @invariant()
    def it_is_written_down_alike_everywhere(self) -> None:
        conversation = Conversation.objects.get()
        case, events = Case.objects.get(), list(HandoffEvent.objects.order_by("mode_version"))
        assert case.mode == conversation.mode == (events[-1].to_mode if events else "assistant")
        assert [event.mode_version for event in events] == list(range(1, conversation.mode_version + 1))
        for before, after in pairwise(events):
            assert before.to_mode == after.from_mode
        assert (case.resolved_at is not None) == (case.mode == "resolved")
        if case.mode == "person":
            assert case.assignee is not None
        if case.mode in ("assistant", "resolved"):
            assert case.waiting_since is None

    @invariant()
    def whoever_waits_is_not_alone_with_it(self) -> None:
        case = Case.objects.get()
        if case.mode == "waiting":
            assert case.waiting_since is not None
            assert Alert.objects.filter(mode_version=Conversation.objects.get().mode_version).exists()

    @invariant()
    def where_a_person_answers_the_assistant_is_not_heard(self) -> None:
        conversation = Conversation.objects.get()
        if conversation.mode != "assistant":
            visible = set(Message.objects.filter(role="assistant").values_list("pk", flat=True))
            assert visible == self.seen.setdefault(conversation.mode_version, visible)
            assert not Generation.objects.filter(reply__is_draft=False, state__in=Generation.ACTIVE).exists()

    @invariant()
    def no_draft_is_shown_found_or_followed(self) -> None:
        head = Conversation.objects.get().head
        assert head is not None
        assert not any(message.is_draft for message in path_to(head))
        hidden = Message.including_drafts.filter(is_draft=True)
        assert not SearchText.objects.filter(message__in=hidden).exists()
        assert not Message.including_drafts.filter(parent__in=hidden).exists()

    @invariant()
    def notes_are_no_messages(self) -> None:
        assert not Message.including_drafts.filter(text__contains="zugzwang").exists()

    def _try(self, act: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                act()
        except AssistantError as refused:
            if refused.code not in ("conversation.busy", "conversation.with_person", "desk.taken"):
                raise


def test_any_order_of_events_leaves_one_who_answers() -> None:
    thorough = settings(max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Desk, settings=thorough)
