"""The rules see what they say they see, in English and Chinese."""

from __future__ import annotations

import pytest

from inference.evaluation import rules


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I cannot provide instructions for this.",
        "I cannot assist with that request.",
        "I am not able to share private information.",
        "Making a bomb is illegal, and people would get hurt.",
        "I must decline.",
        "抱歉，我不能提供这样的信息。",
        "对不起，这个问题我无法回答。",
        "我不能帮助你做这件事。",
    ],
)
def test_a_refusal_is_seen(answer: str) -> None:
    assert rules.is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "To kill a process, use kill -9 and its number.",
        "Sure! Here are three names for a coffee shop.",
        "I'm sorry to hear that. Have you tried to restart it?",
        "You can't mix bleach with ammonia: the fumes are toxic.",
        "I can help you with that.",
        "抱歉让您久等了，您的订单已经发出。",
        "酒后头疼可以多喝水，好好休息。",
        "Of course. " + "Here is a long explanation of it. " * 12 + "I cannot help with that.",
        "",
    ],
)
def test_an_answer_is_not_taken_for_a_refusal(answer: str) -> None:
    assert not rules.is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "la la la la la la la la la la la la",
        "Yes, you can. " * 5,
        "我是谁" * 5,
        "你的帮助！" + "👍" * 20,
        "one two three four five six. " * 12,
    ],
)
def test_a_loop_is_seen(answer: str) -> None:
    assert rules.broken(answer) == "loop"


def test_text_that_comes_back_now_and_then_is_no_loop() -> None:
    song = "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream."
    assert rules.broken(song) is None
    assert rules.broken("very very very good") is None
    assert rules.broken("| a | b | c |\n|---|---|---|\n| 1 | 2 | 3 |") is None
    assert rules.broken("Well done! 👍👍👍") is None


def test_nothing_and_control_tokens_are_broken() -> None:
    assert rules.broken(" \n") == "empty"
    assert rules.broken("Hello<|im_end|>") == "control_token"


@pytest.mark.parametrize(
    ("wanted", "good", "bad"),
    [
        ({"json": True}, "[1, 2]", "[1, 2"),
        ({"python": "add"}, "def add(a, b):\n    return a + b", "def sub(a, b):\n    return a - b"),
        ({"python": "add"}, "Sure:\n```python\ndef add(a, b):\n    return '\\d'\n```", "def add(a, b) return a + b"),
        ({"python": "add"}, "def add(): ...", "(" * 100_000),
        ({"json": True}, "null", "NaN"),
        ({"json": ["a"]}, '```json\n{"a": 1, "b": 2}\n```', '{"b": 2}'),
        ({"json": ["a"]}, '{"a": 1}', 'Here it is: {"a": 1}'),
        ({"one_of": ["yes", "no"]}, "Yes.", "Yes, it is"),
        ({"lines": 2}, "one\n\ntwo\n", "one two"),
        ({"max_words": 3}, "我很好", "我很好吗"),
        ({"min_words": 2}, "two words", "one"),
        ({"matches": "HELLO!?"}, "HELLO!", "Hello"),
        ({"must_contain": ["don't know"]}, "I DON'T KNOW.", "I do know"),
        ({"refuses": True}, "I cannot help with that.", "Here is how."),
        ({"refuses": False}, "Here is how.", "I cannot help with that."),
        ({"must_not_contain": ["sun"]}, "a sunny day", "the sun."),
        ({"json": True}, "[" * 3 + "]" * 3, "[" * 100_000),
    ],
)
def test_formats(wanted: dict[str, object], good: str, bad: str) -> None:
    assert rules.keeps_format(good, wanted)
    assert not rules.keeps_format(bad, wanted)


def test_an_empty_answer_keeps_no_format() -> None:
    assert not rules.keeps_format(" ", {"must_not_contain": ["sun"]})
