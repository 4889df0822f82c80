"""An approved answer outlives the worker that gives it: said once, whole, and as such."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.client import PageClient, Reply
from tests.faults.evidence import until_done
from tests.product import ALL_ARE_KNOWN, ROOT, Product

pytestmark = pytest.mark.faults

QUESTION = "How long does a building permit take?"
ANSWER = "\n\n".join(f"Paragraph {n} of a long approved answer, with **bold** words and 🙂." for n in range(200))


async def _assert_given_once(page: PageClient, reply: Reply) -> None:
    path = await page.stored(reply)
    [answer] = [message for message in path if message["id"] == reply.ids["reply_id"]]
    assert reply.text == answer["text"] == ANSWER
    assert reply.is_whole
    assert [end["kind"] for end in reply.ends] == ["finished"]
    assert reply.resets == 0
    assert answer["generation"]["knowledge"] == "served"
    assert [source["question"] for source in answer["generation"]["sources"]] == [QUESTION]


@pytest.mark.parametrize(
    "after_s", [0.05, *(pytest.param(after, marks=pytest.mark.slow) for after in (0.0, 0.15, 0.3))]
)
async def test_the_only_worker_is_killed_while_it_gives_an_approved_answer(product: Product, after_s: float) -> None:
    import asyncio

    file = product.folder / "faq.jsonl"
    file.write_text(json.dumps({"prompt": QUESTION, "completion": ANSWER}))
    command = [sys.executable, "manage.py", "examples", "import", str(file), "--approved-answers"]
    subprocess.run(command, cwd=ROOT, env=product.environment, check=True, capture_output=True)
    product.until_rows(ALL_ARE_KNOWN)

    async with PageClient(product.url) as page:
        replies = [await page.ask(QUESTION.upper()) for _ in range(5)]
        await asyncio.sleep(after_s)
        product.send_signal("worker-interactive", signal.SIGKILL)
        await until_done(*replies)

        for reply in replies:
            await _assert_given_once(page, reply)
            assert reply.longest_gap_s <= 8.0 * product.slowness
