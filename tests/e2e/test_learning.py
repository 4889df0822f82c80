"""An administrator at a real browser: a training from its estimate to its end, and an adapter put live and taken back.

The tiny model really is trained here, by the product's own training worker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import PHONE, Visitor
from tests.e2e.learning import as_admin, learned
from tests.e2e.test_accessibility import serious
from tests.e2e.test_chinese import ENGLISH, NAMES, SAID
from tests.inference.conftest import tiny_folder
from tests.product import Product

__all__ = ["tiny_folder"]  # a fixture

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
# A run is begun within a worker's round, its process imports torch, and people's replies come before it.
PATIENCE_MS = 180_000
# The gate's metrics and the units of figures are called so in every language.
FIGURES = re.compile(r"chrF|F\d|ROUGE-L|BLEU|LoRA|SHA-256|MB|v3|CC0-1.0")

# The run that made the adapter; what other tests begin stands above it.
OLDEST = ".rows > li:last-child .rows__text a"


@pytest.fixture(scope="module")
def product(tiny_folder: Path) -> Iterator[Product]:
    with Product(script=None, MODEL=str(tiny_folder)) as started:
        yield started


@pytest.fixture(scope="module")
def sha256(product: Product, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return learned(product, tiny_folder, tmp_path_factory.mktemp("computed"))


@pytest.fixture
def arrive(browser: Browser, product: Product) -> Iterator[Callable[..., Visitor]]:
    visitors: list[Visitor] = []

    def come(**options: Any) -> Visitor:
        visitors.append(Visitor(browser, product.url, **options))
        return visitors[-1]

    yield come
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for visitor in visitors:
        visitor.context.close()
    assert problems == []


@pytest.fixture
def page(arrive: Callable[..., Visitor], product: Product, sha256: str, request: pytest.FixtureRequest) -> Page:
    return as_admin(arrive(), product, f"{abs(hash(request.node.name))}@example.org")


def decide(page: Page, button: str, reason: str) -> None:
    """Open the dialog of a button and send it with a reason."""
    page.get_by_role("button", name=f"{button}…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    page.keyboard.type(reason)
    dialog.get_by_role("button", name=button, exact=True).click()


def test_a_training_begins_with_an_estimate_is_watched_and_cancelled(page: Page) -> None:
    page.goto("/learning/runs/")
    page.get_by_role("link", name="Start a training").click()
    page.get_by_label("Epochs").fill("20")
    page.get_by_role("button", name="Estimate").click()

    # Nobody reloads: the page follows the database.
    expect(page.get_by_role("heading", name="What it would cost")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Independent corrections held out: 30.")).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()

    expect(page.get_by_role("progressbar", name="Train", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("img", name="Loss while it is trained")).to_be_visible()
    page.get_by_text("The numbers").first.click()
    before = page.locator(".phases progress").last.evaluate("element => element.value")
    page.wait_for_function(
        "before => [...document.querySelectorAll('.phases progress')].at(-1).value > before", arg=before
    )
    expect(page.locator("details.numbers").first).to_have_attribute("open", "")  # what was opened stays open
    page.reload()
    expect(page.get_by_role("img", name="Loss while it is trained")).to_be_visible()

    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".state").first).to_have_text("cancelled", timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_an_adapter_is_put_live_and_taken_back_with_reasons(page: Page, sha256: str) -> None:
    page.goto(f"/learning/adapters/{sha256}/")
    expect(page.locator(".verdict__sentence")).to_contain_text("v3 answers better than the base model")

    decide(page, "Let it answer everybody", "It passed, and I read the cases.")
    expect(page.get_by_role("status")).to_have_text("New replies use it from now on.")
    expect(page.locator(".badge[data-live]")).to_have_text("answers now")

    decide(page, "Roll back", "Only a test.")
    expect(page.get_by_role("status")).to_have_text("What answered before answers again.")
    expect(page.get_by_text("Only a test.")).to_have_count(0)  # the reason stands with what answers since
    expect(page.get_by_text("rolled back")).to_be_visible()


def test_a_figure_is_followed_to_its_cases_by_keyboard(page: Page, sha256: str) -> None:
    page.goto(f"/learning/adapters/{sha256}/")
    page.get_by_role("link", name="Likeness to the corrections (chrF)", exact=True).focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("article")).to_have_count(20)
    page.get_by_role("link", name="Further ones").click()
    expect(page.get_by_role("article")).to_have_count(10)
    page.get_by_role("link", name="Worse").click()
    expect(page.get_by_role("article").first.locator(".state")).to_have_text("Worse")


@pytest.mark.parametrize("look", ["light", "dark, Chinese, 390 px"])
def test_the_pages_are_open_to_everybody(
    look: str, arrive: Callable[..., Visitor], product: Product, sha256: str
) -> None:
    is_phone = look != "light"
    options = {**PHONE, "color_scheme": "dark", "locale": "zh-CN"} if is_phone else {"color_scheme": "light"}
    page = as_admin(arrive(**options), product, f"{'phone' if is_phone else 'light'}@example.org")
    run = page.goto("/learning/runs/") and page.locator(OLDEST).first.get_attribute("href")
    questions = f"{run}questions/"
    for path in (
        *(f"/learning/adapters/{sha256}/{part}" for part in ("", "cases/?suite=held_out&score=chrf", "card/")),
        *("/learning/adapters/", "/learning/runs/", "/learning/runs/start/", str(run), questions),
        *("/learning/data/", "/learning/data/preview/", "/learning/data/examples/?status=approved"),
    ):
        page.goto(path)
        assert serious(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        if is_phone:
            said = page.evaluate(SAID)
            assert [text for text in said if ENGLISH.search(FIGURES.sub("", NAMES.sub("", text)))] == [], path


def test_made_questions_are_refused_a_page_at_once_and_stay_so(page: Page) -> None:
    page.goto("/learning/runs/")
    page.locator(OLDEST).first.click()
    page.get_by_role("link", name="The questions that it made, to be judged").click()
    first = page.locator(".questions input[type=checkbox]").first
    expect(first).not_to_be_checked()
    first.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name=re.compile("^Refuse the ticked ones")).click()

    page.go_back()
    page.reload()
    expect(page.locator(".questions input[type=checkbox]").first).to_be_checked()
