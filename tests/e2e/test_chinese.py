"""The whole product in Chinese: whatever page a Chinese browser opens, nothing of ours in it is English."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.e2e.browsing import PHONE, Visitor
from tests.e2e.screenshots import PAGES

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# Everything on the page that people read or are told, but what people and models wrote.
SAID = """() => {
  const theirs = ".message-text, .sidebar__list, .chat__title, .search__title, .search__snippet, [dir=auto]";
  const said = [];
  for (const element of document.querySelectorAll("body, body *")) {
    if (element.closest(`${theirs}, textarea, code, kbd`) || !element.checkVisibility()) continue;
    for (const name of ["aria-label", "title", "placeholder", "alt"]) said.push(element.getAttribute(name) ?? "");
    for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) said.push(node.data);
  }
  return said.map((text) => text.trim()).filter(Boolean);
}"""
# What is called the same in every language, and the filters of the search, which are typed as they stand.
NAMES = re.compile(
    r"Parley|OpenAI|API|AI|Token|PIN|Python|ChatGPT|Chrome|Linux|English|JSON|ZIP|Markdown|Top-[pk]|localhost|https"
    r"|conversations\.json|Notes to mail|Ctrl|Shift|Alt|Esc|Enter|Backspace|\S+@\S+|(in|is):\w*"
)
ENGLISH = re.compile(r"[A-Za-z]{2,}")


@pytest.mark.parametrize("width", ["1280 px", "390 px"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_of_ours_is_english(name: str, width: str, arrive: Callable[..., Visitor]) -> None:
    visitor = arrive(locale="zh-CN", **(PHONE if width == "390 px" else {}))
    page = visitor.open()
    PAGES[name](page)

    said = page.evaluate(SAID)

    visitor.problems.clear()  # a page that is not there is among them
    assert [text for text in said if ENGLISH.search(NAMES.sub("", text))] == []
    assert len(said) > 3
