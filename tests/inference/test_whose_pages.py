"""What was read for one person is found again by this person alone, but for the system message."""

from __future__ import annotations

from dataclasses import replace

from inference.contract import ChatMessage
from tests.inference.listening import Listener, ask
from tests.inference.test_engine_metrics import metrics_of

SYSTEM = ChatMessage("system", "the fox told a story of rivers and boats " * 8)
QUESTION = ChatMessage("user", "the story of France and the lakes and the ships " * 8)


def found(listener: Listener, owner: str, *messages: ChatMessage) -> int:
    """How many tokens of a prompt an answer to it need not read again."""
    before = metrics_of(listener).tokens_reused
    listener.run(replace(ask(messages=messages, max_tokens=1), owner=owner))
    return metrics_of(listener).tokens_reused - before


def test_the_same_person_asking_again_waits_for_nothing_that_was_read(tiny: Listener) -> None:
    assert found(tiny, "alice", QUESTION) == 0
    assert found(tiny, "alice", QUESTION) > 100


def test_nobody_learns_from_the_time_to_an_answer_what_others_asked(tiny: Listener) -> None:
    found(tiny, "alice", replace(QUESTION, text=QUESTION.text + "secret"))

    assert found(tiny, "bob", replace(QUESTION, text=QUESTION.text + "secret")) == 0


def test_a_system_message_is_read_once_for_all(tiny: Listener) -> None:
    found(tiny, "alice", SYSTEM, QUESTION)

    common = found(tiny, "bob", SYSTEM, QUESTION)

    assert 50 < common < found(tiny, "bob", SYSTEM, QUESTION)
