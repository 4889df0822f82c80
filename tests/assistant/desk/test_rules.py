"""A site's rules hand a conversation over before the assistant says something that nobody wants to hear."""

from __future__ import annotations

import time

import pytest
from pytest_django import Settings

from assistant.chat.runner import ReplyRunner
from assistant.models import Adapter, Conversation, Generation, HandoffEvent, Message, Visitor
from inference.contract import EngineConfig
from inference.serving.scripted import ScriptedEngine
from tests.assistant.desk import rows
from tests.assistant.desk.rows import said, say
from tests.assistant.rollouts import trained


def visitor_of(**rules: object) -> Visitor:
    return rows.visitor(rows.site(handoff_rules=rules))


@pytest.mark.parametrize(
    ("words", "text", "is_handed_over"),
    [
        (["refund"], "I want a REFUND!", True),
        (["refund"], "Refunds?", False),
        (["legal action"], "I will take legal   action", True),
        (["退款"], "我要退款。", True),
        (["  "], "Anything", False),
        ([], "I want a refund", False),
    ],
)
def test_words_hand_over(db: None, words: list[str], text: str, is_handed_over: bool) -> None:
    asked = say(visitor_of(words=words), text)

    assert (asked.generation_id is None) == is_handed_over
    assert list(HandoffEvent.objects.values_list("reason", flat=True)) == (["rule"] if is_handed_over else [])
    assert said(asked.conversation_id)[0] == ("user", text)


@pytest.mark.parametrize(
    ("text", "is_handed_over"),
    [
        ("This is the worst service ever, I am so angry!", True),
        ("太差了，我很失望，垃圾！", True),
        ("Where is my order?", False),
        ("My order is late.", False),
        ("It is not bad, thank you", False),
    ],
)
def test_unhappiness_hands_over_where_the_site_wants_that(db: None, text: str, is_handed_over: bool) -> None:
    asked = say(visitor_of(when_negative=True), text)
    assert (asked.generation_id is None) == is_handed_over
    assert say(rows.visitor(rows.site("Other")), text).generation_id is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("answers", "script", "mode", "visible"),
    [
        # No approved answer is near: not a word of the reply is shown, and it is the agent's suggestion.
        ("offer", "tokens_per_second=0&tokens=20", "waiting", 0),
        ("off", "tokens_per_second=0&tokens=20", "assistant", 1),
        ("off", "tokens_per_second=0&fail=engine.step_failed&fail_after=5", "waiting", 1),
    ],
)
def test_an_unsure_assistant_hands_over(settings: Settings, answers: str, script: str, mode: str, visible: int) -> None:
    settings.APPROVED_ANSWERS = answers
    asked = say(visitor_of(when_unsure=True))
    engine = ScriptedEngine(EngineConfig(model=f"scripted:{script}", max_running=4))
    runner = ReplyRunner(engine, 4)
    runner.start()
    try:
        give_up_at = time.monotonic() + 20
        while Generation.objects.filter(state__in=Generation.ACTIVE).exists():
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
    finally:
        runner.drain()
        runner.join()

    assert Conversation.objects.get().mode == mode
    assert Message.objects.filter(role="assistant").count() == visible
    assert Message.including_drafts.get(pk=asked.reply_id).text != ""


def test_a_sites_adapter_answers_its_visitors_until_it_is_retired(db: None) -> None:
    adapter = trained("b")
    shop = rows.site(model_choice=str(adapter.id))
    first = Generation.objects.get(pk=say(rows.visitor(shop)).generation_id)
    Adapter.objects.filter(pk=adapter.pk).update(state=Adapter.State.RETIRED)
    second = Generation.objects.get(pk=say(rows.visitor(shop)).generation_id)

    assert (first.adapter, second.adapter) == (adapter, None)
