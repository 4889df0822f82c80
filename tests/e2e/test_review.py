"""A reviewer at work: by single keys, without waiting, and without losing what was typed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.corpus import hostile_strings, storable
from tests.e2e.browsing import OUTAGE, PHONE, REFUSAL, Visitor
from tests.e2e.test_accessibility import serious
from tests.e2e.test_chinese import ENGLISH, NAMES, SAID
from tests.e2e.test_hostile_text import HARM, UNHARMED, WATCH
from tests.e2e.test_people import PASSWORD, account_menu
from tests.product import ROOT, Product

pytestmark = pytest.mark.e2e

EMAIL = "bob-reviews@example.org"
RIVERS = {"question": "Where do rivers end?", "correction": "In the **sea**.", "comment": "A lake is no sea."}
ROADS = {"question": "Where do roads end?", "correction": "In Rome."}
RAILS = {"question": "Where do rails end?", "correction": "At a buffer stop."}
WRONG = {"question": "Where do clouds end?"}  # without a correction

Seed = Callable[..., list[str]]


@pytest.fixture
def seed(product: Product) -> Seed:
    """Put reviews into the queue, alone; returns their ids."""

    def put(*reviews: dict[str, Any], role: str = "reviewer") -> list[str]:
        told = {"staff": {"email": EMAIL, "password": PASSWORD, "role": role}, "reviews": reviews}
        command = [sys.executable, "-m", "tests.e2e.review_rows"]
        done = subprocess.run(
            command, cwd=ROOT, env=product.environment, input=json.dumps(told), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        ids: list[str] = json.loads(done.stdout)
        return ids

    return put


def come_in(page: Page) -> None:
    page.goto("/accounts/login/?next=/review/")
    page.locator("input[type=email]").fill(EMAIL)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator(".account__submit").click()
    page.wait_for_url("**/review/")


def begin(page: Page, path: str = "/review/work/") -> None:
    page.goto(path)
    say_why(page)


def say_why(page: Page) -> None:
    page.locator("#reason-form input").fill("Weekly review")
    expect(page.locator("#reason-form button")).to_be_enabled()  # its script has come
    page.keyboard.press("Enter")


def item(page: Page) -> Locator:
    return page.locator("#item")


def expect_item(page: Page, review_id: str) -> None:
    expect(page.locator(f"#item[data-review-id='{review_id}']")).to_be_visible()


def until_next_is_there(page: Page, act: Callable[[], None]) -> None:
    """Wait for the request that takes one more."""
    with page.expect_response("**/api/reviews/next"):
        act()


def states(product: Product) -> list[tuple[Any, ...]]:
    return product.rows("SELECT state, answer, reason FROM assistant_review ORDER BY id")


def test_a_whole_sitting_by_keyboard(page: Page, product: Product, seed: Seed) -> None:
    rivers, roads, rails, wrong = seed(RIVERS, ROADS, RAILS, WRONG)
    come_in(page)
    page.goto("/")
    account_menu(page).get_by_role("link", name="Workbench").click()
    expect(page.get_by_role("heading", name="Waiting for you: 4")).to_be_visible()
    page.get_by_role("link", name="Begin with the most urgent").click()
    expect(page.get_by_label("Why do you read what people wrote?")).to_be_visible()
    say_why(page)

    expect_item(page, rivers)
    expect(page.get_by_role("heading", name="Corrected")).to_be_focused()
    expect(item(page).locator(".is-judged")).to_contain_text("In a lake of 30 km.")
    expect(item(page).get_by_text("A lake is no sea.")).to_be_visible()
    expect(item(page).locator("[data-part=changes] del")).to_contain_text("a lake of 30 km")
    expect(item(page).locator("[data-part=changes] ins")).to_contain_text("the **sea**")

    page.keyboard.press("t")
    dialog = page.get_by_role("dialog", name="Make a test")
    expect(dialog.get_by_label("The answer must not have")).to_have_value("a lake of 30 km")
    dialog.get_by_label("The answer must have").fill("the sea")
    dialog.get_by_role("button", name="Make the test").click()
    expect(page.get_by_role("status")).to_contain_text("A test was made.")

    until_next_is_there(page, lambda: page.keyboard.press("a"))
    expect_item(page, roads)
    page.keyboard.press("e")
    editor = page.get_by_label("What the answer should have been")
    expect(editor).to_have_value("In Rome.")
    editor.fill("All of them in Rome.")
    until_next_is_there(page, lambda: page.keyboard.press("Control+Enter"))
    expect_item(page, rails)
    page.keyboard.press("r")
    page.keyboard.press("2")
    expect_item(page, wrong)
    expect(item(page).get_by_text("No correction was given.")).to_be_visible()
    page.keyboard.press("u")
    expect_item(page, rails)
    page.keyboard.press("s")
    expect_item(page, wrong)
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="Nothing else waits")).to_be_focused()

    assert states(product) == [
        ("accepted", "In the **sea**.", ""),
        ("edited", "All of them in Rome.", ""),
        ("skipped", "", ""),
        ("pending", "", ""),
    ]
    page.goto("/review/tests/")
    expect(page.get_by_text("Where do rivers end?")).to_be_visible()


def test_the_next_one_is_there_without_waiting(page: Page, seed: Seed) -> None:
    """Though the server takes two seconds for each answer from now on."""
    _, roads, _ = seed(RIVERS, ROADS, RAILS)
    come_in(page)
    with page.expect_response(lambda answer: answer.url.endswith("/next") and '"item": null' not in answer.text()):
        begin(page)
    page.wait_for_function("document.getElementById('item').dataset.reviewId")
    page.wait_for_load_state("networkidle")

    def slowly(route: Route) -> None:
        page.wait_for_timeout(2_000)
        route.continue_()

    page.route("**/api/reviews/**", slowly)
    waited_ms = page.evaluate(
        """(next) => new Promise((resolve) => {
            const item = document.getElementById("item");
            const began = performance.now();
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "a", code: "KeyA", bubbles: true }));
            const isThere = () => item.dataset.reviewId === next;
            const look = () => isThere() ? resolve(performance.now() - began) : requestAnimationFrame(look);
            look();
        })""",
        roads,
    )

    print(f"next item shown after {waited_ms:.1f} ms")
    assert waited_ms < 200
    page.unroute_all(behavior="wait")


@pytest.mark.slow
def test_what_is_decided_while_the_next_is_on_its_way_is_not_offered_again(page: Page, seed: Seed) -> None:
    rivers, roads = seed(RIVERS, ROADS)
    come_in(page)
    held: list[Route] = []

    def hold_the_second(route: Route) -> None:
        if without(route) and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/reviews/next", hold_the_second)
    begin(page)
    expect_item(page, rivers)
    while not held:
        page.wait_for_timeout(20)

    page.keyboard.press("s")
    with page.expect_response("**/decision"):
        held[0].continue_()
    expect_item(page, roads)
    expect(page.get_by_role("status")).to_contain_text("Skipped")
    page.keyboard.press("s")

    expect(page.get_by_role("heading", name="Nothing else waits")).to_be_focused()


def without(route: Route) -> list[str]:
    """What the page has already, and wants no more."""
    asked: dict[str, list[str]] = route.request.post_data_json
    return asked["without"]


def test_what_was_typed_outlives_an_outage_and_a_reload(
    page: Page, alice: Visitor, product: Product, seed: Seed
) -> None:
    rivers, roads = seed(RIVERS, ROADS)
    come_in(page)
    begin(page)
    expect_item(page, rivers)
    page.keyboard.press("e")
    editor = page.get_by_label("What the answer should have been")
    editor.fill("Half a thought")
    page.reload()
    expect(editor).to_have_value("Half a thought")
    expect_item(page, rivers)
    editor.fill("A whole thought")

    page.route("**/decision", lambda route: route.abort())
    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    expect_item(page, rivers)
    expect(editor).to_have_value("A whole thought")
    page.unroute("**/decision")
    page.get_by_role("button", name="Try again").click()
    expect_item(page, roads)
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_role("status")).to_contain_text("Edited")
    assert states(product)[0] == ("edited", "A whole thought", "")
    alice.forgive(OUTAGE)


@pytest.mark.slow
def test_an_item_whose_time_is_over_is_taken_again_unless_somebody_else_has_it(
    page: Page, alice: Visitor, product: Product, seed: Seed
) -> None:
    rivers, roads = seed(RIVERS, ROADS)
    come_in(page)
    begin(page)
    expect_item(page, rivers)
    page.wait_for_load_state("networkidle")
    change(product, "UPDATE assistant_review SET assigned_until = '2020-01-01T00:00:00Z'")

    page.keyboard.press("s")
    expect(page.get_by_role("status")).to_contain_text("Skipped")
    expect_item(page, roads)
    change(product, "UPDATE assistant_review SET state = 'skipped'")
    page.keyboard.press("e")
    page.get_by_label("What the answer should have been").fill("Too late")
    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("alert")).to_contain_text("Somebody else has this review, or it is decided.")
    expect(page.get_by_label("What the answer should have been")).to_have_value("Too late")
    alice.forgive(REFUSAL)


@pytest.mark.slow
def test_whoever_chose_one_that_somebody_else_has_goes_on_with_the_next(
    page: Page, alice: Visitor, product: Product, seed: Seed
) -> None:
    rivers, roads = seed(RIVERS, ROADS)
    come_in(page)
    change(product, f"UPDATE assistant_review SET state = 'skipped' WHERE id = '{id_in(product, rivers)}'")
    begin(page, f"/review/work/?review={rivers}")
    expect(page.get_by_role("alert")).to_contain_text("Somebody else has this review, or it is decided.")

    page.get_by_role("button", name="Try again").click()

    expect_item(page, roads)
    alice.forgive(REFUSAL)


def id_in(product: Product, review_id: str) -> str:
    """As the database writes it."""
    return review_id if "DATABASE_URL" in product.environment else review_id.replace("-", "")


def change(product: Product, statement: str) -> None:
    program = f"from django.db import connection; connection.cursor().execute({statement!r})"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", program]
    subprocess.run(command, cwd=ROOT, env=product.environment, check=True, capture_output=True)


def test_single_keys_are_off_while_somebody_writes_and_for_who_wants_none(page: Page, seed: Seed) -> None:
    (rivers,) = seed(RIVERS)
    come_in(page)
    begin(page)
    expect_item(page, rivers)
    page.keyboard.press("e")
    page.keyboard.type("assrn?")
    expect_item(page, rivers)
    expect(page.get_by_label("What the answer should have been")).to_have_value("In the **sea**.assrn?")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    dialog.get_by_role("switch", name="Use keyboard shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect_item(page, rivers)

    page.get_by_role("button", name="Skip").click()

    expect(page.get_by_role("heading", name="Nothing else waits")).to_be_visible()


@pytest.mark.slow
def test_keys_are_off_before_that_is_kept_and_on_again_where_it_could_not_be(
    alice: Visitor, page: Page, seed: Seed
) -> None:
    rivers, roads = seed(RIVERS, ROADS)
    come_in(page)
    begin(page)
    expect_item(page, rivers)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    held: list[Route] = []
    page.route("**/api/me/preferences", lambda route: held.append(route))
    dialog.get_by_role("switch", name="Use keyboard shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect_item(page, rivers)

    with page.expect_event("requestfailed"):
        held[0].abort()
    page.wait_for_timeout(300)  # the page's script hears of it a moment later, and shows nothing of it
    page.keyboard.press("?")
    expect(dialog.get_by_role("switch", name="Use keyboard shortcuts")).to_be_checked()
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect_item(page, roads)
    alice.forgive(OUTAGE)


def test_nothing_comes_of_hostile_text_in_transcript_comment_and_correction(
    arrive: Callable[..., Visitor], product: Product, seed: Seed
) -> None:
    texts = storable(hostile_strings("http://canary.localhost:9"))
    whole = "\n\n".join(texts)[:30_000]
    review_id, *_ = seed(
        {"question": whole, "answer": whole[::-1][:100] + whole, "correction": whole, "comment": whole[:3_900]}
    )
    visitor = arrive()
    visitor.context.add_init_script(WATCH)
    page = visitor.open()
    come_in(page)
    begin(page)
    expect_item(page, review_id)
    expect(item(page).locator(".is-judged .rich-text")).to_be_visible()
    for key in ("e", "Escape", "t"):
        page.keyboard.press(key)
    page.wait_for_timeout(300)

    assert page.evaluate(HARM) == UNHARMED
    assert page.locator("[data-part=comment]").text_content() == whole[:3_900].strip()


LOOKS: dict[str, dict[str, Any]] = {
    "light, 1280 px": {"color_scheme": "light"},
    "dark, 390 px": {**PHONE, "color_scheme": "dark"},
    "light, 390 px, Chinese": {**PHONE, "color_scheme": "light", "locale": "zh-CN"},
    "dark, 1280 px, Chinese": {"color_scheme": "dark", "locale": "zh-CN"},
}


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_are_open_to_everybody_in_both_languages(
    look: str, arrive: Callable[..., Visitor], seed: Seed
) -> None:
    rivers, *_ = seed(RIVERS, ROADS, WRONG, role="admin")
    page = arrive(**LOOKS[look]).open()
    come_in(page)
    begin(page)
    expect_item(page, rivers)
    page.wait_for_load_state("networkidle")

    def check() -> None:
        page.wait_for_timeout(300)  # colours of what is fading in are not those it has
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if "Chinese" in look:
            said = page.evaluate(SAID)
            assert [text for text in said if ENGLISH.search(NAMES.sub("", text))] == []

    check()
    for key in ("e", "r", "t"):
        page.locator(f".review__actions [data-action={ {'e': 'edit', 'r': 'reject', 't': 'test'}[key] }]").click()
        check()
    page.locator("dialog textarea").first.fill("the sea")
    page.locator("dialog [type=submit]").click()
    expect(page.locator("dialog")).to_have_count(0)
    for path in ("/review/", "/review/decided/", "/review/tests/", "/review/transcripts/"):
        page.goto(path)
        check()
    page.locator(".rows a").first.click()
    check()
    page.locator("form [type=submit]").click()
    expect(page.locator("chat-message")).to_have_count(2)
    check()
