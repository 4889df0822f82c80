"""The real model, in the real product, in a real browser."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, expect

from inference.serving.prepare import prepare
from tests.e2e.browsing import Visitor, replies, send, text_of, until_state
from tests.product import ROOT, Product

pytestmark = [pytest.mark.e2e, pytest.mark.model]


@pytest.mark.timeout(600)  # a new machine compiles the kernel first, beside other tests
def test_a_short_question_gets_a_real_answer_soon(browser: Browser) -> None:
    model = prepare("bundled", ROOT / "data" / "models")
    with Product(script=None, MODEL=model) as product:
        visitor = Visitor(browser, product.url)
        page = visitor.open()

        began = time.monotonic()
        send(page, "What is the capital of France?")
        reply = replies(page).last
        expect(reply.locator(".message-text")).not_to_be_empty()
        first_token_s = time.monotonic() - began
        until_state(reply, "completed", patience_ms=120_000)

        print(f"first visible token after {first_token_s:.2f} s: {text_of(reply)!r}")
        assert first_token_s < 10
        assert visitor.problems == []
        visitor.context.close()
