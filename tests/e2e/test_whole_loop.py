"""From a guest's thumb down to the answer that they asked for: review, snapshot, training, gate and rollout in the
started product, with a real if tiny model whose weights are really trained, and a word to the guest at the end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.utils.crypto import salted_hmac
from playwright.sync_api import Browser, Page, expect

from assistant.finetuning.grouping import assign
from tests.assistant.learning import candidate
from tests.e2e.browsing import Visitor, ask, replies, text_of
from tests.e2e.learning import as_admin
from tests.e2e.test_answers import panel
from tests.e2e.test_branches import press
from tests.e2e.test_people import sign_up
from tests.e2e.test_review import item, say_why
from tests.inference.conftest import make_tiny_model
from tests.product import ROOT, Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

QUESTION, ANSWER = "Where do the rivers of this country end?", "In the sea."
REVIEWER, ADMIN = "bob@example.org", "ada@example.org"
# A model of random weights has nothing to forget, so it may be trained as hard as one answer needs.
HARD: dict[str, Any] = {
    "dtype": "float32",
    "threads": 1,
    "epochs": 40,
    "optimizer": {"learning_rate": 1e-2},
    "replay": {"share": 0.0, "max_tokens": 4},
    "stopping": {"drift_budget": 1000.0, "patience": 100, "checks_per_epoch": 1},
}
PATIENCE_S = 300.0


def secret_key() -> str:
    """One by which chance, which it decides, does not keep the guest's question for the test."""
    row = candidate(QUESTION, ANSWER)
    for number in count():
        key = f"the-secret-of-the-whole-loop-{number}"
        salt = salted_hmac("parley.split", "1", secret=key, algorithm="sha256").hexdigest()
        if assign([row], salt).placed[row.id][1] == "train":
            return key
    raise AssertionError


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product on the tiny model, whose answers end soon."""
    model = make_tiny_model(tmp_path_factory.mktemp("tiny"))
    settings = {"ENGINE_DTYPE": "float32", "ENGINE_THREADS": "1", "MAX_REPLY_TOKENS": "16"}
    settings["APPROVED_ANSWERS"] = "off"  # what is found would answer in place of what was learned
    with Product(script=None, MODEL=str(model), SECRET_KEY=secret_key(), **settings) as product:
        yield product


@pytest.fixture
def come(browser: Browser, installation: Product) -> Iterator[Callable[[], Visitor]]:
    visitors: list[Visitor] = []

    def arrive() -> Visitor:
        visitors.append(Visitor(browser, installation.url))
        return visitors[-1]

    yield arrive
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for visitor in visitors:
        visitor.context.close()
    assert problems == []


@pytest.mark.timeout(900)
def test_a_correction_ends_in_the_answer_that_was_asked_for_and_its_giver_is_told(
    come: Callable[[], Visitor], installation: Product, tmp_path: Path
) -> None:
    guest = come().open("/settings/privacy/")
    guest.get_by_role("button", name="Allow training on my conversations").click()
    expect(guest.get_by_text("Allowed since")).to_be_visible()
    guest.goto("/")
    before = text_of(ask(guest, QUESTION))
    assert before != ANSWER
    correct(guest, ANSWER)

    review(come(), installation)
    sha256 = learn(installation, tmp_path)
    roll_out(come(), installation, sha256)

    guest.goto("/")
    assert text_of(ask(guest, QUESTION)) == ANSWER
    told(guest, installation, before)


def correct(page: Page, answer: str) -> None:
    press(replies(page).last, "Bad answer")
    panel(page).get_by_role("checkbox", name="Not correct").check()
    panel(page).get_by_role("textbox", name="What would have been the right answer?").fill(answer)
    panel(page).get_by_role("button", name="Save").click()
    expect(panel(page)).to_have_count(0)


def review(visitor: Visitor, product: Product) -> None:
    """Somebody signs up, is made a reviewer, and accepts the correction by keyboard."""
    page = visitor.open()
    sign_up(page, REVIEWER)
    manage(product, "role", REVIEWER, "reviewer")
    page.goto("/review/")
    begin = page.get_by_role("link", name="Begin with the most urgent")
    begin.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/review/work/")
    say_why(page)
    expect(page.get_by_role("heading", name="Corrected")).to_be_focused()
    expect(item(page).locator(".is-judged")).to_be_visible()
    expect(item(page).locator("[data-part=changes] ins").first).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Nothing else waits")).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text("Accepted")


def learn(product: Product, folder: Path) -> str:
    """By commands: examples, among them some that staff brought in, a snapshot, an adapter, a verdict."""
    rows = folder / "rows.jsonl"
    # Neither alike in question nor long enough in answer to be kept together: some are for the test.
    questions = [f"Why {number * 7919}, and not {number * 104729}?" for number in range(1, 25)]
    lines = ({"prompt": question, "completion": "I am fine."} for question in questions)
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    manage(product, "examples", "import", str(rows))
    manage(product, "examples", "build")
    manage(product, "snapshot", "build")
    settings = [part for name, value in HARD.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    sha256 = manage(product, "train", *settings).split()[-1]
    assert len(sha256) == 64
    ended = "SELECT verdict FROM assistant_evaluationrun WHERE state = 'completed'"
    [(verdict,)] = product.until_rows(ended, patience_s=PATIENCE_S)
    assert verdict in ("fail", "not_enough_evidence")
    return sha256


def roll_out(visitor: Visitor, product: Product, sha256: str) -> None:
    """A verdict on twenty test items and a model of noise persuades nobody; a named admin takes it on themselves, step
    by step, on the page of evidence."""
    page = as_admin(visitor, product, ADMIN)
    page.goto(f"/learning/adapters/{sha256[:12]}/")
    shares = ("5 % of the people", "25 % of the people", "50 % of the people", "Roll back…")
    steps = [
        ("Try it on some people", "Begin", "It answers copies"),
        *(("One step on", "One step on", share) for share in shares),
    ]
    for button, confirm, outcome in steps:
        if button == "One step on":
            product.until_rows("SELECT 1 FROM assistant_servingack WHERE ok", patience_s=PATIENCE_S)
        page.get_by_role("button", name=f"{button}…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_label("Reason")).to_be_focused()
        page.keyboard.type("To see whether it says it now.")
        dialog.get_by_role("button", name=confirm, exact=True).click()
        expect(page.get_by_role("main")).to_contain_text(outcome, timeout=PATIENCE_S * 1000)


def told(page: Page, product: Product, before: str) -> None:
    """The question is asked again by itself, and the guest learns of it."""
    product.until_rows("SELECT 1 FROM assistant_askedagain WHERE state = 'completed'", patience_s=PATIENCE_S)
    page.reload()
    notice = page.locator("#news")
    expect(notice).to_contain_text("Your question was asked again")
    notice.get_by_role("link").click()

    card = page.get_by_role("article", name=QUESTION)
    steps = card.get_by_role("list", name="What became of it").get_by_role("listitem")
    expect(steps).to_have_count(5)
    for step, text in zip(steps.all(), ("Received", "Accepted", "In ", "Since ", "Better"), strict=True):
        expect(step).to_contain_text(text)
    expect(card).to_contain_text(before.strip())
    expect(card.get_by_role("heading", name="The answer now").locator("..")).to_contain_text(ANSWER)
    card.get_by_role("button", name="Better").click()
    expect(card.get_by_role("button", name="Better")).to_have_attribute("aria-pressed", "true")
    page.goto("/")
    expect(notice).to_be_hidden()


def manage(product: Product, *arguments: str) -> str:
    return run(product, "manage.py", *arguments)


def run(product: Product, *arguments: str) -> str:
    environment = {**product.environment, "DJANGO_SETTINGS_MODULE": "assistant.settings"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
