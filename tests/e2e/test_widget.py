"""A visitor at a shop's page talks to the assistant, and to people, in the shop's corner: two sites, one browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.browsing import LONG_QUESTION
from tests.e2e.shop_site import ShopSite, agent_resolves, agent_says
from tests.e2e.widget import ask, box, buy, chat, open_chat, press_launcher, say, told, until_ready
from tests.e2e.widget_visitors import ShopVisitor
from tests.product import Product

pytestmark = pytest.mark.e2e
Come = Callable[..., ShopVisitor]


def test_a_visitor_asks_reads_along_and_rates(come: Come, product: Product) -> None:
    page = come().open()
    frame = open_chat(page)

    say(frame, "Which spades do you have, in 60 words?")  # three seconds, so that nobody looks too late

    reply = told(frame)
    expect(reply).to_have_attribute("data-state", "running")
    expect(reply.locator(".message-text")).not_to_be_empty()
    expect(reply).to_have_attribute("data-state", "completed")
    reply.get_by_role("button", name="Bad answer").click()
    frame.get_by_role("checkbox", name="Not helpful").check()
    frame.get_by_role("textbox", name="What would have been the right answer?").fill("Yes, of ash.")
    frame.get_by_role("button", name="Save").click()
    expect(frame.locator(".feedback-panel")).to_have_count(0)
    assert product.until_rows("SELECT 1 FROM assistant_feedback WHERE correction = %s", "Yes, of ash.")


def test_it_is_stopped_where_it_was_sent(come: Come) -> None:
    frame = open_chat(come().open())
    say(frame, LONG_QUESTION)
    expect(told(frame).locator(".message-text")).not_to_be_empty()

    frame.get_by_role("button", name="Stop", exact=True).click()

    expect(told(frame)).to_have_attribute("data-state", "cancelled")


def test_what_is_pressed_before_the_chat_has_come_is_not_lost(come: Come) -> None:
    visitor = come()
    page = visitor.context.new_page()
    held: list[Route] = []
    page.route("**/widget_chat.*.js", lambda route: held.append(route))
    page.goto("/")
    frame = open_chat(page)

    frame.get_by_role("button", name="Talk to a person").click()
    expect(told(frame, "user")).to_have_count(0)
    held[0].continue_()

    expect(told(frame, "user")).to_contain_text("I would like to talk to a person.")


def test_the_launcher_opens_and_closes_and_gives_the_page_back(come: Come) -> None:
    page = come().open()
    until_ready(page)
    press_launcher(page)
    frame = chat(page)
    expect(box(frame)).to_be_focused()
    buy(page)

    box(frame).focus()
    page.keyboard.press("Escape")

    page.wait_for_function("() => window.parleySaid.at(-1) === 'close'")
    assert page.evaluate("document.activeElement.localName") == "parley-widget"
    buy(page)
    page.get_by_role("button", name="Help").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.parleySaid.at(-1) === 'open'")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Help")).to_be_focused()


def test_tab_goes_round_within_the_chat(come: Come) -> None:
    page = come().open()
    frame = open_chat(page)
    expect(box(frame)).to_be_focused()
    box(frame).fill("Something")

    frame.get_by_role("button", name="Send", exact=True).focus()
    page.keyboard.press("Tab")

    expect(frame.get_by_role("button", name="More", exact=True)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(frame.get_by_role("button", name="Send", exact=True)).to_be_focused()


def test_a_conversation_goes_on_from_page_to_page_and_in_another_tab(come: Come) -> None:
    visitor = come()
    page = visitor.open()
    answer = ask(open_chat(page), "Do you have rakes?").inner_text()

    # In such a profile the browser gives a third party no storage; it goes on all the same.
    denied = "() => { try { return !localStorage } catch { return true } }"
    assert chat(page).evaluate(denied)
    page.get_by_role("link", name="Rakes").click()
    page.wait_for_url("**/second.html")
    other = visitor.open("/second.html")

    for each in (page, other):
        frame = open_chat(each)
        expect(told(frame, "user")).to_have_text(re.compile("Do you have rakes"))
        expect(told(frame)).to_have_text(answer, use_inner_text=True)


def test_what_is_said_in_one_tab_stands_in_the_other(come: Come) -> None:
    visitor = come()
    page = visitor.open()
    ask(open_chat(page), "First")
    other = open_chat(visitor.open("/second.html"))
    expect(told(other)).to_have_count(1)

    ask(chat(page), "Second")

    expect(told(other, "user")).to_have_count(2)
    expect(told(other).last).to_have_attribute("data-state", "completed")


def test_a_person_is_asked_for_answers_and_ends_it(come: Come, product: Product, site: ShopSite) -> None:
    page = come().open()
    frame = open_chat(page)
    ask(frame, "My spade broke")

    frame.get_by_role("button", name="Talk to a person").click()

    expect(frame.get_by_text("A person was asked for")).to_be_visible()
    expect(frame.get_by_role("button", name="Talk to a person")).to_be_hidden()
    frame.get_by_role("textbox", name="E-mail address").fill("visitor@example.org")
    frame.get_by_role("button", name="Send", exact=True).first.click()
    expect(frame.get_by_text("We will write to visitor@example.org")).to_be_visible()
    agent_says(product, site, "Hello, this is Dora.")
    expect(told(frame, "agent")).to_contain_text("Hello, this is Dora.")
    expect(frame.get_by_text("You are talking to Dora")).to_be_visible()
    say(frame, "It broke at the handle")
    expect(told(frame, "user")).to_have_count(2)
    agent_says(product, site, "We send another.", picture="spade.png")
    expect(told(frame, "agent")).to_have_count(2)
    expect(told(frame, "agent").last.get_by_role("img", name="spade.png")).to_be_visible()
    expect(told(frame)).to_have_count(1)  # the assistant has not said a word since
    agent_resolves(product, site)
    frame.get_by_role("radio", name="4 of 5").check(force=True)
    frame.get_by_role("textbox", name="In your own words").fill("Quick")
    frame.locator("#panel").get_by_role("button", name="Send").click()
    expect(frame.get_by_text("Thank you for telling us.")).to_be_visible()
    assert product.until_rows("SELECT 1 FROM assistant_case WHERE satisfaction = 4 AND satisfaction_comment = 'Quick'")


def test_a_person_can_be_asked_for_before_anything_was_said(come: Come) -> None:
    frame = open_chat(come().open())

    frame.get_by_role("button", name="Talk to a person").click()

    expect(told(frame, "user")).to_contain_text("I would like to talk to a person.")
    expect(frame.get_by_text("A person was asked for")).to_be_visible()


def test_what_comes_while_it_is_closed_is_counted_on_the_button(
    come: Come,
    product: Product,
    site: ShopSite,
) -> None:
    page = come().open()
    ask(open_chat(page), "Anybody there?")
    page.evaluate("Parley.close()")

    agent_says(product, site, "Yes, Dora is.")

    page.wait_for_function("() => window.parleyUnread.at(-1) === 1")
    page.reload()
    page.wait_for_function("() => window.parleyUnread.at(-1) === 1")
    page.evaluate("Parley.open()")
    page.wait_for_function("() => window.parleyUnread.at(-1) === 0")
    page.reload()
    until_ready(page)
    page.wait_for_function("() => window.parleyUnread.length > 0 && window.parleyUnread.at(-1) === 0")


def test_a_suggested_question_is_asked_by_pressing_it(come: Come) -> None:
    frame = open_chat(come().open())

    frame.get_by_role("button", name="Where is my order?").click()

    expect(told(frame, "user")).to_contain_text("Where is my order?")


def test_a_reader_of_chinese_is_spoken_to_in_chinese(come: Come) -> None:
    page = come().open()
    until_ready(page)

    page.evaluate("Parley.setLocale('zh-CN')")

    frame = chat(page)
    expect(frame.locator("html")).to_have_attribute("lang", "zh-hans")
    page.evaluate("Parley.open()")
    expect(frame.get_by_role("textbox", name="消息", exact=True)).to_be_visible()


def test_nothing_is_left_for_the_next_at_the_same_browser(come: Come) -> None:
    page = come().open()
    ask(open_chat(page), "A secret")

    page.evaluate("Parley.reset()")

    page.wait_for_function("() => window.parleySaid.at(-1) === 'close'")
    page.wait_for_timeout(300)
    frame = open_chat(page)
    expect(frame.get_by_text("How can we help?")).to_be_visible()
    expect(told(frame, "user")).to_have_count(0)


def test_whoever_leaves_waits_for_no_answer_any_more(come: Come) -> None:
    page = come().open()
    frame = open_chat(page)
    held: list[Route] = []
    page.route("**/api/widget/conversations/*/messages*", lambda route: held.append(route))
    say(frame, "A secret")
    while not held:
        page.wait_for_timeout(20)

    def forget_before_those_are_answered(route: Route) -> None:
        forgotten = route.fetch()
        for late in held:
            late.continue_()
        page.wait_for_timeout(300)
        route.fulfill(response=forgotten)

    page.route("**/api/widget/identity", forget_before_those_are_answered)
    with page.expect_event("framenavigated"):  # what the browser complains about meanwhile is looked at in the end
        page.evaluate("Parley.reset()")
