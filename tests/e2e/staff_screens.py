"""The pages of those who review and administer, for tests/e2e/screenshots.py: what they show was put there as tests do.

A tiny model of random weights is really trained and really evaluated, so that the evidence is a real run's; what it
says is noise, and the corrections are ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import Visitor, replies, until_state
from tests.e2e.learning import as_admin, learned
from tests.outcomes import write_outcomes
from tests.product import ALL_ARE_KNOWN, ROOT, Product

ADMIN = "ada@example.org"
ANSWERS = {
    "How long does a building permit take?": "Ten weeks from a complete application, at most **twenty**.",
    "Who repairs a wet wall in the cellar?": "A drying company. Its work is covered by most house insurances.",
    "Is the tax reduction for work at home the same for everybody?": "No: half of the work, up to a yearly limit.",
}
REVIEWS: list[dict[str, Any]] = [
    {
        "question": "How long does a building permit take?",
        "answer": "A building permit takes about six weeks, and you may begin to build as soon as you have applied.",
        "correction": "A building permit takes ten weeks, and you may begin to build when you have got it.",
        "comment": "One may not begin before it is there!",
    },
    {"question": "Who repairs a wet wall in the cellar?", "answer": "A painter.", "correction": "A drying company."},
    {"question": "Is the answer the same for everybody?", "answer": "Yes.", "correction": "No, it depends."},
    {"question": "What does an electrician cost an hour?", "answer": "Nothing at all."},
]


@dataclass(frozen=True)
class Scene:
    """`sha256` is an adapter that some people get by now; the cookies are an administrator's and a guest's."""

    sha256: str
    run: str
    admin: list[Any]
    guest: list[Any]


def scene(product: Product, browser: Browser, base: Path, folder: Path) -> Scene:
    """Everything that the pages show, in a started product that runs the tiny model at `base`."""
    admin = Visitor(browser, product.url)
    page = as_admin(admin, product, ADMIN)
    told = {
        "staff": {"email": "bob@example.org", "password": "quiet-Harbour-42", "role": "reviewer"},
        "reviews": REVIEWS,
    }
    _run(product, "-m", "tests.e2e.review_rows", input=json.dumps(told))
    sha256 = learned(product, base, folder)
    page.goto("/learning/runs/")
    run = page.locator(".rows a").first.get_attribute("href")
    guest = Visitor(browser, product.url)
    write_outcomes(product, guest.open().locator("#app").get_attribute("data-person-id") or "")
    by = ("--by", ADMIN, "--reason", "It passed, and I have read the cases.")
    _run(product, "manage.py", "rollout", "start", sha256, *by)
    _run(product, "manage.py", "rollout", "advance", *by)
    file = folder / "answers.jsonl"
    rows = ({"prompt": question, "completion": answer} for question, answer in ANSWERS.items())
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    _run(product, "manage.py", "examples", "import", str(file), "--approved-answers", "--licence", "CC0-1.0")
    product.until_rows(ALL_ARE_KNOWN)
    return Scene(sha256, str(run), admin.context.cookies(), guest.context.cookies())


def _run(product: Product, *arguments: str, **options: Any) -> None:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=product.environment, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr


def _review(page: Page, scene: Scene) -> None:
    page.goto("/review/work/")
    if page.locator("#reason-form").is_visible():  # once a sitting
        page.locator("#reason-form input").fill("Weekly review")
        page.locator("#reason-form button:enabled").click()
    expect(page.locator("#item [data-part=changes] ins").first).to_be_visible()


def _approved_answer(page: Page, scene: Scene) -> None:
    page.goto("/")
    page.locator("textarea[name=text]").fill("How long does a building permit take, please?")
    page.locator(".composer__send").click()
    until_state(replies(page).last, "completed", patience_ms=120_000)


def _rollout(page: Page, scene: Scene) -> None:
    page.goto(f"/learning/adapters/{scene.sha256}/")
    page.locator("#rollouts-heading").evaluate("heading => heading.scrollIntoView()")


def _feedback(page: Page, scene: Scene) -> None:
    page.context.clear_cookies()
    page.context.add_cookies(scene.guest)
    page.goto("/settings/feedback/")


def _at(path: str) -> Callable[[Page, Scene], None]:
    def take(page: Page, scene: Scene) -> None:
        page.goto(path.format(scene=scene))

    return take


STAFF_PAGES: dict[str, Callable[[Page, Scene], None]] = {
    "review-queue": _at("/review/"),
    "review": _review,
    "approved-answers": _at("/approved-answers/"),
    "approved-answer": _approved_answer,
    "adapters": _at("/learning/adapters/"),
    "evidence": _at("/learning/adapters/{scene.sha256}/"),
    "rollout": _rollout,
    "cases": _at("/learning/adapters/{scene.sha256}/cases/?suite=held_out&score=chrf"),
    "card": _at("/learning/adapters/{scene.sha256}/card/"),
    "runs": _at("/learning/runs/"),
    "run": _at("{scene.run}"),
    "start": _at("/learning/runs/start/"),
    "data": _at("/learning/data/"),
    "snapshot": _at("/learning/data/preview/"),
    "outcomes": _feedback,
}
