"""`python -m tests.e2e.icons`: icons of the app as PNG, which the browser draws from icon.svg, white on our colour."""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import sync_playwright

from tests.e2e.browsing import launch
from tests.product import ROOT

FOLDER = ROOT / "webui" / "static" / "webui"
COLOR = "#0b6e5f"


@dataclass(frozen=True)
class Icon:
    name: str
    size: int
    # Shares of the size. A maskable icon is cut to any shape inside its bounds; what matters stands in the inner 80 %.
    corner: float
    picture: float


ICONS = [
    Icon("icon-192", 192, corner=0.22, picture=0.76),
    Icon("icon-512", 512, corner=0.22, picture=0.76),
    Icon("icon-maskable-512", 512, corner=0, picture=0.6),
    Icon("apple-touch-icon", 180, corner=0, picture=0.7),
]


def main() -> None:
    (FOLDER / "icons").mkdir(exist_ok=True)
    svg = re.sub(r'fill="#\w+"', 'fill="#ffffff"', (FOLDER / "icon.svg").read_text(encoding="utf-8"))
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for icon in ICONS:
            page = browser.new_page(viewport={"width": icon.size, "height": icon.size})
            page.set_content(
                f"""<style>body {{ margin: 0 }} svg {{ inline-size: {icon.picture * icon.size}px }}
                main {{ display: grid; place-items: center; block-size: {icon.size}px; background: {COLOR};
                  border-radius: {icon.corner * icon.size}px }}</style><main>{svg}</main>"""
            )
            page.locator("main").screenshot(path=FOLDER / "icons" / f"{icon.name}.png", omit_background=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
