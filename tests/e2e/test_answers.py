"""What people do with answers: say why they are wrong, hold two side by side, choose who writes and how, and look into
what wrote them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import PHONE, Visitor, ask, expect_text, questions, replies, text_of, until_state
from tests.e2e.test_branches import message_id, press
from tests.e2e.test_sidebar import choose
from tests.product import ROOT, Product

pytestmark = pytest.mark.e2e


def panel(page: Page) -> Locator:
    return page.get_by_role("form", name="Feedback on this answer")


# Feedback


def test_a_thumb_down_asks_why_and_what_was_said_survives_until_it_is_withdrawn(page: Page) -> None:
    text = text_of(ask(page, "What is a tide?"))
    with page.expect_response(lambda answer: answer.url.endswith("/feedback") and answer.ok):
        press(replies(page).last, "Bad answer")
    panel(page).get_by_role("checkbox", name="Not correct").check()
    panel(page).get_by_role("textbox", name="In your own words").fill("Tides are not boats.")
    panel(page).get_by_role("button", name="Start from this answer").click()
    correction = panel(page).get_by_role("textbox", name="What would have been the right answer?")
    expect(correction).to_have_value(text or "")
    correction.fill("The sea rises.")
    panel(page).get_by_role("button", name="Save").click()
    expect(panel(page)).to_have_count(0)

    page.reload()

    press(replies(page).last, "Your feedback")
    expect(panel(page).get_by_role("checkbox", name="Not correct")).to_be_checked()
    expect(panel(page).get_by_role("textbox", name="In your own words")).to_have_value("Tides are not boats.")
    expect(correction).to_have_value("The sea rises.")
    expect(panel(page)).to_contain_text("It is not used for training")
    panel(page).get_by_role("button", name="Withdraw").click()
    expect(panel(page)).to_have_count(0)
    page.reload()
    expect(replies(page).last.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "false")


def test_a_thumb_up_is_one_click_and_offers_more(page: Page) -> None:
    ask(page, "What is a tide?")

    press(replies(page).last, "Good answer")

    expect(panel(page)).to_have_count(0)
    press(replies(page).last, "Tell us more")
    expect(panel(page).get_by_role("checkbox", name="Clear", exact=True)).to_be_visible()
    expect(panel(page).get_by_role("checkbox", name="Not correct")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(replies(page).last.get_by_role("button", name="Good answer")).to_be_focused()


def test_another_tab_sees_the_thumb(alice: Visitor, page: Page) -> None:
    ask(page, "What is a tide?")
    other = alice.open(page.url)

    press(replies(page).last, "Good answer")

    expect(replies(other).last.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")


# Comparison


def comparison(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Compare two answers")


def test_two_answers_stream_side_by_side_and_the_better_one_stays(page: Page) -> None:
    first = message_id(ask(page, "What is a tide?"))

    press(replies(page).last, "Compare with another answer")

    expect(comparison(page).locator("chat-message")).to_have_count(2)
    left, right = (comparison(page).locator("chat-message").nth(number) for number in (0, 1))
    until_state(right, "running")
    better = comparison(page).get_by_role("button", name="Left is better")
    expect(better).to_be_disabled()
    until_state(right, "completed")
    assert message_id(left) == first
    page.keyboard.press("1")
    expect(better).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(comparison(page)).to_have_count(0)
    expect(replies(page)).to_have_count(1)
    expect(replies(page).last).to_have_attribute("data-message-id", first)
    expect(replies(page).last.locator("branch-picker")).to_contain_text("1/2")


@pytest.mark.slow
def test_a_comparison_comes_back_after_a_reload_and_its_vote_can_be_withdrawn(page: Page) -> None:
    first = message_id(ask(page, "What is a tide?"))
    press(replies(page).last, "Compare with another answer")
    until_state(comparison(page).locator("chat-message").nth(1), "running")

    page.reload()

    expect(comparison(page).locator("chat-message").first).to_have_attribute("data-message-id", first)
    until_state(comparison(page).locator("chat-message").nth(1), "completed")
    text = text_of(comparison(page).locator("chat-message").first)
    expect_text(comparison(page).locator("chat-message").nth(1), text)
    comparison(page).get_by_role("button", name="Right is better").click()
    withdraw = comparison(page).get_by_role("button", name="Withdraw")
    expect(withdraw).to_be_visible()
    page.reload()
    expect(comparison(page).get_by_role("button", name="Right is better")).to_have_attribute("aria-pressed", "true")
    withdraw.click()
    expect(withdraw).to_be_hidden()
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "#" not in url)
    expect(replies(page).last.locator("branch-picker")).to_contain_text("2/2")


@pytest.mark.slow
def test_leaving_a_comparison_in_the_middle_loses_nothing(page: Page) -> None:
    ask(page, "What is a tide?")
    press(replies(page).last, "Compare with another answer")
    until_state(comparison(page).locator("chat-message").nth(1), "running")

    page.keyboard.press("Escape")

    expect(replies(page)).to_have_count(1)
    until_state(replies(page).last, "completed")
    expect(replies(page).last.locator("branch-picker")).to_contain_text("2/2")


@pytest.mark.slow
def test_an_answer_that_is_there_already_is_compared_without_asking_again(page: Page) -> None:
    ask(page, "What is a tide?")
    press(replies(page).last, "Regenerate")
    expect(replies(page).last.locator("branch-picker")).to_contain_text("2/2")
    until_state(replies(page).last, "completed")

    press(replies(page).last, "Compare with another answer")
    comparison(page).get_by_role("button", name="Version 1").click()

    expect(comparison(page).get_by_role("button", name="Both bad")).to_be_enabled()
    page.keyboard.press("Escape")
    expect(replies(page).last.locator("branch-picker")).to_contain_text("2/2")


# Who writes, and how


ADMIN = """
from assistant.models import Person
Person.objects.update_or_create(username="ada", defaults={"email": "ada@example.org", "role": "admin"})
"""


@pytest.fixture
def live_adapter(product: Product, tmp_path: Path) -> Iterator[str]:
    """An adapter put live by the operator, beside one that is only a candidate."""

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=product.environment, check=True, capture_output=True, text=True
        ).stdout

    for name in ("terse", "polite"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
        (folder / "adapter_model.safetensors").write_bytes(name.encode())
        sha256 = manage("adapters", "add", str(folder), "--name", name).split()[-1]
    manage("shell", "--no-imports", "-c", ADMIN)
    by = ("--by", "ada@example.org", "--reason", "To be chosen from")
    manage("rollout", "start", sha256, "--at-once", *by)
    yield "polite"
    manage("rollout", "back", *by)


def about(page: Page) -> Locator:
    press(replies(page).last, "About this answer")
    return page.get_by_role("dialog", name="About this answer")


@pytest.mark.slow
def test_who_writes_is_chosen_and_each_answer_says_who_wrote_it(page: Page, live_adapter: str) -> None:
    page.reload()
    chooser = page.get_by_role("combobox", name="Model")
    expect(chooser.get_by_role("option")).to_have_text(["Automatic", live_adapter, "Base model"])
    chooser.select_option("Base model")
    ask(page, "What is a tide?")
    expect(about(page)).to_contain_text("none: the base model itself")
    page.keyboard.press("Escape")
    page.reload()
    expect(chooser).to_have_value("base")

    press(replies(page).last, "Compare with another answer")
    comparison(page).get_by_role("combobox", name="Model").select_option(live_adapter)
    comparison(page).get_by_role("button", name="Ask", exact=True).click()
    expect(comparison(page).get_by_role("button", name="Right is better")).to_be_enabled()
    page.keyboard.press("2")
    expect(comparison(page).get_by_role("button", name="Withdraw")).to_be_visible()
    page.keyboard.press("Escape")

    expect(replies(page).last.locator("branch-picker")).to_contain_text("2/2")
    expect(about(page)).to_contain_text(live_adapter)
    expect(about_row(page, "Seed")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(chooser).to_have_value("base")


def about_row(page: Page, label: str) -> Locator:
    return page.get_by_role("dialog").locator("[data-row]").filter(has_text=label)


def test_without_a_choice_no_chooser_stands_in_the_head(page: Page) -> None:
    expect(page.locator(".model-chooser")).to_have_count(0)


@pytest.mark.slow
def test_settings_of_a_conversation_are_kept_and_used(page: Page) -> None:
    ask(page, "What is a tide?")
    dialog = page.get_by_role("dialog", name="Settings of this conversation")

    choose(page, "What is a tide?", "Settings")
    dialog.get_by_label("Temperature").fill("9")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_visible()  # the browser points at what is out of range
    dialog.get_by_label("Temperature").fill("0.7")
    dialog.get_by_label("Longest reply").fill("12")
    dialog.get_by_label("What should the assistant know").fill("Answer in rhyme.")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)

    press(replies(page).last, "Regenerate")
    expect(replies(page).last.locator("branch-picker")).to_contain_text("2/2")
    until_state(replies(page).last, "completed")
    expect(replies(page).last.get_by_text("This answer reached its length limit.")).to_be_visible()
    expect(about(page)).to_contain_text("0.7")
    page.keyboard.press("Escape")
    page.reload()
    choose(page, "What is a tide?", "Settings")
    expect(dialog.get_by_label("What should the assistant know")).to_have_value("Answer in rhyme.")
    expect(dialog.get_by_role("switch")).to_be_disabled()  # a guest has not consented in general
    dialog.get_by_role("button", name="Defaults").click()
    dialog.get_by_role("button", name="Save").click()
    choose(page, "What is a tide?", "Settings")
    expect(dialog.get_by_label("Temperature")).to_have_value("")


# Edit and save


@pytest.mark.parametrize(
    "keys", ["Control+s", *(pytest.param(keys, marks=pytest.mark.slow) for keys in ("Meta+s", None))]
)
def test_a_saved_edit_keeps_the_answer_and_is_seen_in_other_tabs(alice: Visitor, page: Page, keys: str | None) -> None:
    reply = message_id(ask(page, "What is a tide?"))
    other = alice.open(page.url)

    press(questions(page).last, "Edit")
    page.get_by_role("textbox", name="Edit message").fill("What is a spring tide?")
    if keys:
        page.keyboard.press(keys)
    else:
        page.get_by_role("button", name="Save", exact=True).click()

    for tab in (page, other):
        expect(questions(tab).last.locator(".message-text")).to_have_text("What is a spring tide?")
        expect(questions(tab).last.get_by_text("Edited")).to_be_visible()
        expect(replies(tab).last).to_have_attribute("data-message-id", reply)
    expect(questions(page).last.get_by_role("button", name="Edit", exact=True)).to_be_focused()


def test_a_phone_has_room_for_all_of_it(arrive: object) -> None:
    page = arrive(**PHONE).open()  # type: ignore[operator]  # the fixture that makes visitors
    ask(page, "What is a tide?")
    replies(page).last.get_by_role("button", name="Bad answer").tap()
    expect(panel(page)).to_be_visible()
    replies(page).last.get_by_role("button", name="Compare with another answer").tap()
    expect(comparison(page).locator("chat-message")).to_have_count(2)

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelector('dialog').scrollWidth <= document.querySelector('dialog').clientWidth")
