"""What one could ask next is offered where it helps and nowhere else, by rules that can be read."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import (
    LONG_QUESTION,
    Visitor,
    ask,
    composer,
    questions,
    replies,
    send,
    text_of,
    until_state,
    until_words,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CODE = "Here it is:\n\n```python\nprint('hello')\n```\n"
LIST = "Three sights:\n\n1. The tower\n2. The river\n3. The museum"
LONG = "The tide rises and falls. " * 60
CHINESE = "潮汐是海水在月亮和太阳的引力作用下产生的周期性涨落现象，每天大约发生两次。"


def chips(page: Page) -> Locator:
    return page.get_by_role("group", name="What you could ask").get_by_role("button")


@pytest.mark.parametrize(
    ("reply", "names"),
    [
        ("A tide is a wave.", ["ask_example", "ask_simpler", "ask_why"]),
        (CODE, ["ask_steps", "ask_test", "ask_example"]),
        (LIST, ["ask_first_point", "ask_example", "ask_simpler"]),
        (LONG, ["ask_summary", "ask_example", "ask_simpler"]),
        (CHINESE, ["ask_translate", "ask_example", "ask_simpler"]),
        (LIST + LONG + "\n" + CODE, ["ask_steps", "ask_test", "ask_first_point"]),
    ],
)
def test_a_reply_suggests_what_fits_it(page: Page, reply: str, names: list[str]) -> None:
    assert suggestions_for(page, "What is a tide?", reply) == names


def test_what_was_just_asked_is_not_suggested_again(page: Page) -> None:
    assert suggestions_for(page, "Give an example", "A wave.") == ["ask_simpler", "ask_why"]


def test_a_new_chat_offers_four_beginnings_and_a_press_sends_one(page: Page) -> None:
    expect(chips(page)).to_have_count(4)
    composer(page).fill("half a thought")

    chips(page).first.click()

    expect(questions(page)).to_have_count(1)
    assert text_of(questions(page).last) == "Explain to me how tides work"
    expect(chips(page)).to_have_count(0)
    expect(composer(page)).to_have_value("half a thought")
    until_state(replies(page).last, "completed")


def test_they_stand_below_the_last_answer_when_it_has_ended(page: Page) -> None:
    send(page, "What is a tide?")
    until_words(replies(page).last, 2)
    expect(chips(page)).to_have_count(0)

    until_state(replies(page).last, "completed")

    expect(chips(page)).to_have_count(3)
    expect(chips(page).last).to_be_in_viewport()
    said = chips(page).first.text_content()
    chips(page).first.click()
    expect(questions(page)).to_have_count(2)
    assert text_of(questions(page).last) == said
    until_state(replies(page).last, "completed")


def test_a_stopped_answer_suggests_nothing(page: Page) -> None:
    send(page, LONG_QUESTION)
    until_words(replies(page).last, 2)

    page.get_by_role("button", name="Stop", exact=True).click()

    until_state(replies(page).last, "cancelled")
    expect(chips(page)).to_have_count(0)


def test_whoever_does_not_want_them_sees_none(alice: Visitor, page: Page) -> None:
    prefer(page, shows_suggestions=False)

    page.reload()

    expect(composer(page)).to_be_focused()
    expect(chips(page)).to_have_count(0)
    ask(page, "What is a tide?")
    expect(chips(page)).to_have_count(0)


def prefer(page: Page, **changes: Any) -> None:
    page.evaluate("changes => import('api').then(({ api }) => api.prefer(changes))", changes)


def suggestions_for(page: Page, question: str, reply: str) -> list[str]:
    found: list[str] = page.evaluate(
        "([question, reply]) => import('suggestions').then((module) => module.suggestionsFor(question, reply))",
        [question, reply],
    )
    return found
