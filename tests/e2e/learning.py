"""Who decides about adapters, at a browser; and an adapter in a started product, with its evidence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page

from tests.e2e.browsing import Visitor
from tests.product import ROOT, Product

_LEARN = """
import sys, django
django.setup()
from pathlib import Path
from tests.learned import learn
print(learn(*map(Path, sys.argv[1:])).sha256[:12])
"""


def as_admin(visitor: Visitor, product: Product, email: str = "ada@example.org") -> Page:
    """Somebody with an account who was made an administrator."""
    page = visitor.open("/accounts/signup/")
    page.locator("input[type=email]").fill(email)
    page.locator("input[type=password]").fill("a long pass phrase of four words")
    page.locator(".account__submit").click()
    page.wait_for_url("**/")
    _run(product, "manage.py", "role", email, "admin")
    return page


def learned(product: Product, base: Path, kept: Path) -> str:
    """The beginning of the hash of an adapter that was trained and evaluated; see tests/learned.py."""
    return _run(product, "-c", _LEARN, str(base), str(kept)).strip().splitlines()[-1]


def _run(product: Product, *arguments: str) -> str:
    environment = {**product.environment, "DJANGO_SETTINGS_MODULE": "assistant.settings"}
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
