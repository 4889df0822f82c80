"""However a reply's text arrives, the elements at the end are those of one rendering of the whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from tests.e2e.browsing import Visitor
from tests.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PIECES = st.sampled_from(
    [
        *(
            "word",
            "two words",
            "a",
            "2",
            "1.",
            "1. ",
            "2. ",
            "3) ",
            "- ",
            "* ",
            "+ ",
            "> ",
            ">",
            "# ",
            "### ",
            "#",
            "\t",
        ),
        *("\n", "\n", "\n", "\n\n", "\n\n", "\n\n\n", " ", "  ", "    ", "\r\n", "\r", "\\", "\0", "你好", "🙂"),
        *("```", "```\n", "```js\n", "~~~\n", "````\n", "`", "``", "**", "*", "_", "~~", "---", "\n---\n", "===", "-"),
        *(
            "| a | b |\n",
            "|---|:-:|\n",
            "| 1 | 2 |\n",
            "|",
            "- [ ] ",
            "- [x] ",
            "\n1. item\n",
            "\n- item\n",
            "\n\n2. x",
        ),
        *(
            "[a]",
            "[a]: https://example.org\n",
            "[b](https://example.org)",
            "![c](https://example.org/c.png)",
            "[",
            "](",
        ),
        *(
            "https://example.org",
            "<b>",
            "</b>",
            "<!--",
            "-->",
            "<div>\n",
            "</div>",
            "&amp;",
            "&lt;",
            "<https://a.example>",
        ),
        *("$", "$$", "$x$", "$$\n", "\\(", "\\)", "\\[\n", "\\]", "\\[x\\]", "\n\\[\na\n- b\n\\]\n", "5$", "$5"),
    ]
)
MARKDOWN = st.lists(PIECES, max_size=30).map("".join)

# Returns the first cut (or -1 for one character after the other) that ends differently from the whole.
COMPARE = """async text => {
  const { RichText } = await import("rich_text");
  const written = (...prefixes) => {
    const place = document.createElement("div");
    const rich = new RichText(place);
    prefixes.forEach((prefix) => rich.grow(prefix));
    rich.finish(text);
    return place.innerHTML;
  };
  const whole = written();
  const cuts = [...text].reduce((ends, sign) => [...ends, (ends.at(-1) ?? 0) + sign.length], []);
  const prefixes = cuts.map((end) => text.slice(0, end));
  for (const prefix of prefixes) {
    const cut = written(prefix);
    if (cut !== whole) return { at: prefix.length, cut, whole };
  }
  const slowly = written(...prefixes);
  return slowly === whole ? null : { at: -1, cut: slowly, whole };
}"""


@pytest.fixture(scope="module")
def blank(browser: Browser, product: Product) -> Iterator[Page]:
    visitor = Visitor(browser, product.url)
    yield visitor.open()
    visitor.context.close()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=MARKDOWN)
def test_a_text_cut_anywhere_ends_like_the_whole(blank: Page, text: str) -> None:
    assert blank.evaluate(COMPARE, text) is None
