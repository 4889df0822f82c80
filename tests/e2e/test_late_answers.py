"""What the server said before something happened, and what the browser gets after it, takes nothing away."""

from __future__ import annotations

import re

from playwright.sync_api import APIResponse, Page, Route, WebSocketRoute, expect

from tests.e2e.browsing import Visitor, ask, questions, replies, send, text_of, until_state
from tests.e2e.test_branches import press

MESSAGES = re.compile(r"/messages\b")
SOCKET = re.compile(r"/ws/chat/")


def test_a_question_stays_when_an_older_state_of_the_conversation_comes_late(alice: Visitor, page: Page) -> None:
    ask(page, "What is a tide?")
    other = alice.open(page.url)
    late: list[tuple[Route, APIResponse]] = []

    def hold_the_first(route: Route) -> None:
        if late:
            route.continue_()
        else:
            late.append((route, route.fetch()))

    page.route(MESSAGES, hold_the_first)
    press(replies(other).last, "Good answer")
    while not late:
        page.wait_for_timeout(20)

    send(page, "And an ebb?")
    expect(replies(page)).to_have_count(2)
    route, response = late[0]
    with page.expect_response(MESSAGES):
        route.fulfill(response=response)
    page.wait_for_timeout(100)  # nothing is to happen

    assert [text_of(question) for question in questions(page).all()] == ["What is a tide?", "And an ebb?"]
    assert replies(page).count() == 2


def test_a_reply_that_is_replaced_does_not_come_back_meanwhile(alice: Visitor, page: Page) -> None:
    ask(page, "What is a tide?")
    other = alice.open(page.url)
    on_their_way = []

    def hold_what_is_asked(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def pass_on(frame: str | bytes) -> None:
            if "generation.regenerate" in str(frame):
                on_their_way.append(lambda: server.send(frame))
            else:
                server.send(frame)

        route.on_message(pass_on)

    page.route_web_socket(SOCKET, hold_what_is_asked)
    page.reload()
    until_state(replies(page).last, "completed")
    press(replies(page).last, "Regenerate")
    expect(replies(page)).to_have_count(0)
    while not on_their_way:
        page.wait_for_timeout(20)

    with page.expect_response(MESSAGES):
        press(replies(other).last, "Good answer")
    page.wait_for_timeout(100)  # nothing is to happen

    assert replies(page).count() == 0
    on_their_way[0]()
    expect(replies(page).last.locator("branch-picker")).to_contain_text("2/2")
