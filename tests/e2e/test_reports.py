"""The reports of the desk at a real browser: numbers lead to their conversations, in the reader's time zone, in both
languages, light and dark, wide and narrow."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import PHONE, Visitor
from tests.e2e.learning import as_admin
from tests.e2e.test_accessibility import serious
from tests.e2e.test_chinese import ENGLISH, NAMES, SAID
from tests.product import ROOT, Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

OWN_NAMES = re.compile("Shop|CSV|UTC")  # the site's, and what is called so in every language

_DESK = """
import django
django.setup()
from tests.assistant.desk.report_rows import write
write()
"""


@pytest.fixture
def seeded(product: Product) -> None:
    environment = {**product.environment, "DJANGO_SETTINGS_MODULE": "assistant.settings"}
    done = subprocess.run(
        [sys.executable, "-c", _DESK], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_number_is_followed_to_its_conversations(
    seeded: None, arrive: Callable[..., Visitor], product: Product
) -> None:
    page = as_admin(arrive(timezone_id="Asia/Shanghai"), product, "reports@example.org")
    page.goto("/desk/reports/")

    expect(page).to_have_url("/desk/reports/?zone=Asia%2FShanghai")
    expect(page.get_by_text("days of Asia/Shanghai").first).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^Conversations "))).to_be_visible()
    handed = page.get_by_role("definition").nth(1)
    count = int(handed.inner_text())
    assert count > 0
    handed.get_by_role("link").click()
    expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(count)
    page.get_by_role("link", name="Back to the reports").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename.endswith(".csv")


def _opened(look: str, arrive: Callable[..., Visitor], product: Product) -> Page:
    is_phone = "390" in look
    options = {**PHONE, "color_scheme": "dark", "locale": "zh-CN"} if is_phone else {"color_scheme": "light"}
    return as_admin(arrive(**options), product, f"{'phone' if is_phone else 'light'}-reports@example.org")


@pytest.mark.parametrize("look", ["light", "dark, Chinese, 390 px"])
def test_the_reports_are_open_to_everybody(
    look: str, seeded: None, arrive: Callable[..., Visitor], product: Product
) -> None:
    page = _opened(look, arrive, product)
    for path in ("/desk/reports/", "/desk/reports/?by=week", "/desk/reports/cases/?what=handed"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert serious(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        if "Chinese" in look:
            said = [OWN_NAMES.sub("", NAMES.sub("", text)) for text in page.evaluate(SAID)]
            assert [text for text in said if ENGLISH.search(text)] == []
