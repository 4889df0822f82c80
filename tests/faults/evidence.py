"""What must be true after every fault: client text = stored text = engine text, one row each, one end."""

from __future__ import annotations

import asyncio

from inference.serving.scripted import scripted_text
from tests.client import PageClient, Reply

TOKENS = 160
SCRIPT = f"tokens_per_second=20&tokens={TOKENS}"


async def assert_nothing_lost(page: PageClient, reply: Reply, tokens: int = TOKENS) -> None:
    path = await page.stored(reply)
    question, answer = [m for m in path if m["id"] in (reply.ids["message_id"], reply.ids["reply_id"])]
    assert question["text"] == reply.question
    assert reply.text == answer["text"] == scripted_text(reply.question, tokens)
    assert reply.is_whole
    assert [end["kind"] for end in reply.ends] == ["finished"]
    assert question["sibling_ids"] == [question["id"]], "the message was stored twice"
    assert answer["sibling_ids"] == [answer["id"]], "the message was answered twice"
    assert reply.resets == 0, "what had been shown was changed"


async def until_words(reply: Reply, words: int) -> None:
    """Wait until the page shows so many words."""
    async with asyncio.timeout(30):
        while reply.text.count(" ") < words:
            await asyncio.sleep(0.01)


async def until_done(*replies: Reply) -> None:
    async with asyncio.timeout(60):
        for reply in replies:
            await reply.done.wait()
