"""What answers is changed and taken back while people talk: real workers, a tiny real model, an admin's commands."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.client import PageClient, Reply
from tests.e2e.browsing import Visitor, launch
from tests.e2e.learning import as_admin
from tests.inference.conftest import Make
from tests.product import ROOT, Product

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
]

ADMIN = "ada@example.org"
PEOPLE = 16
BY = ("--by", ADMIN, "--reason", "It is a test.")


@pytest.fixture
def tiny_product(tiny_folder: Path) -> Iterator[Product]:
    with Product(None, MODEL=str(tiny_folder), ENGINE_DTYPE="float32", ENGINE_MAX_RUNNING=str(PEOPLE)) as started:
        made = (
            f"from assistant.models import Person; Person.objects.create(username='ada', email='{ADMIN}', role='admin')"
        )
        manage(started, "shell", "--verbosity", "0", "-c", made)
        yield started


def manage(product: Product, *words: str, may_fail: bool = False) -> str:
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(command, cwd=ROOT, env=product.environment, capture_output=True, text=True, check=False)
    assert may_fail or done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def taken_in(product: Product, folder: str, name: str) -> str:
    return manage(product, "adapters", "add", folder, "--name", name).split()[-1]


def writer_of(product: Product, reply: Reply) -> str | None:
    joined = "FROM assistant_generation g LEFT JOIN assistant_adapter a ON a.id = g.adapter_id"
    [(name,)] = product.rows(f"SELECT a.name {joined} WHERE g.reply_id = %s", reply.ids["reply_id"].replace("-", ""))
    return name


class Crowd:
    """People who ask again as soon as they are answered."""

    def __init__(self, product: Product) -> None:
        self._url = product.url
        self.replies: list[Reply] = []
        self.is_over = False

    async def talk(self) -> None:
        async with PageClient(self._url) as page:
            while not self.is_over:
                reply = await page.ask(f"Question {len(self.replies)}")
                self.replies.append(reply)
                await reply.done.wait()


def by_command(product: Product, sha256: str) -> tuple[float, float]:
    """Returns when it was asked for, and when it was said to be done."""
    began = time.monotonic()
    manage(product, "rollout", "back", *BY)
    return began, time.monotonic()


def by_click(product: Product, sha256: str) -> tuple[float, float]:
    """On the page of evidence, in a browser that has it open."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = as_admin(Visitor(browser, product.url), product, "eve@example.org")
        page.goto(f"/learning/adapters/{sha256[:12]}/")
        page.get_by_role("button", name="Roll back…").click()
        page.get_by_role("dialog").get_by_label("Reason").fill("It is a test.")
        began = time.monotonic()
        page.get_by_role("dialog").get_by_role("button", name="Roll back", exact=True).click()
        expect(page.get_by_role("status")).to_have_text("What answered before answers again.", timeout=60_000)
        told = time.monotonic()
        browser.close()
        return began, told


@pytest.mark.parametrize("way", [by_command, by_click])
async def test_an_adapter_is_taken_back_under_load(
    way: Callable[[Product, str], tuple[float, float]], tiny_product: Product, make: Make
) -> None:
    product = tiny_product
    for seed, name in ((1, "one"), (2, "two")):
        sha256 = taken_in(product, make(seed).path, name)
        said = manage(product, "rollout", "start", sha256, "--at-once", *BY)
        assert " ready" in said, said
    crowd = Crowd(product)
    async with asyncio.timeout(300), asyncio.TaskGroup() as group:
        for _ in range(PEOPLE):
            group.create_task(crowd.talk())
        while len(crowd.replies) < 2 * PEOPLE:
            await asyncio.sleep(0.05)
        began, told = await asyncio.to_thread(way, product, sha256)
        while not (after := [reply for reply in crowd.replies if reply.sent_at > told and reply.text]):
            await asyncio.sleep(0.01)
        ended = time.monotonic()
        crowd.is_over = True
    seconds = f"done after {told - began:.2f} s, first word of the adapter before after {ended - began:.2f} s"
    print(f"taken back {way.__name__} under {PEOPLE} streams: {seconds}")

    begun_before = [reply for reply in crowd.replies if reply.event_times and reply.event_times[0] < began]
    assert {writer_of(product, reply) for reply in begun_before} == {"two"}
    assert {writer_of(product, reply) for reply in crowd.replies if reply.sent_at > told} == {"one"}
    assert {end["kind"] for reply in crowd.replies for end in reply.ends} == {"finished"}
    assert after[0].is_accepted
    assert ended - began <= 5.0 * product.slowness


async def test_a_worker_that_cannot_use_an_adapter_says_so_and_goes_on(tiny_product: Product, make: Make) -> None:
    product = tiny_product
    sha256 = taken_in(product, make(1).path, "damaged")
    [stored] = (product.folder / "data" / "adapters").glob("*/adapter_model.safetensors")
    stored.write_bytes(stored.read_bytes()[:-4] + b"\0\0\0\1")
    said = manage(product, "rollout", "start", sha256, "--by", ADMIN)
    assert "refused (adapter_model.safetensors is not the file that was registered" in said
    assert "refused" in manage(product, "rollout", "status")
    refused = manage(product, "rollout", "advance", "--by", ADMIN, "--reason", "Try", may_fail=True)
    assert "No worker can answer with this adapter" in refused

    async with asyncio.timeout(60), PageClient(product.url) as page:
        reply = await page.ask("What is a tide?")
        await reply.done.wait()
    assert [end["kind"] for end in reply.ends] == ["finished"]
