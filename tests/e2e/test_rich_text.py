"""Markdown of a reply becomes what it means, and nothing of it becomes a part of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.browsing import Visitor, ask, expect_text, replies
from tests.product import Product

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def echo() -> Iterator[Product]:
    """A product whose replies say what they were asked."""
    with Product("tokens_per_second=0&echo=4", MAX_REPLY_TOKENS="100000") as started:
        yield started


@pytest.fixture
def visitor(browser: Browser, echo: Product) -> Iterator[Visitor]:
    visitor = Visitor(browser, echo.url, permissions=["clipboard-read", "clipboard-write"])
    yield visitor
    visitor.context.close()
    assert visitor.problems == []


@pytest.fixture
def say(visitor: Visitor) -> Callable[[str], Locator]:
    """A reply of this text, streamed, and then opened again; both must look the same."""
    page = visitor.open()

    def say(text: str) -> Locator:
        written = ask(page, text).locator(".message-text.rich-text")  # what reads it came with the first letter
        streamed = written.inner_html()
        page.reload()
        expect_text(replies(page).last, text)
        place = replies(page).last.locator(".message-text")
        if "```" not in text and "$" not in text:  # colours and formulas come a moment later
            assert place.inner_html() == streamed
        return place

    return say


def test_structure(say: Callable[[str], Locator]) -> None:
    reply = say("# Tides\n\n## Kinds\n\n1. **Spring**\n2. *Neap*\n\n> Wait.\n\n- [x] read\n- [ ] sail\n\n---")

    expect(reply.locator("h3")).to_have_text("Tides")
    expect(reply.locator("h4")).to_have_text("Kinds")
    expect(reply.locator("ol > li")).to_have_text(["Spring", "Neap"])
    expect(reply.locator("ol strong")).to_have_text("Spring")
    expect(reply.locator("blockquote")).to_have_text("Wait.")
    expect(reply.get_by_role("checkbox", name="Done", exact=True)).to_be_checked()
    expect(reply.get_by_role("checkbox", name="Not done")).not_to_be_checked()
    expect(reply.locator("hr")).to_have_count(1)


def test_a_table_scrolls_in_its_own_box(say: Callable[[str], Locator]) -> None:
    cells = [f"column_number_{i}" for i in range(30)]
    reply = say(f"|{'|'.join(cells)}|\n|{'|'.join('--:' for _ in cells)}|\n|{'|'.join('1' for _ in cells)}|")

    box = reply.get_by_role("group", name="Table")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    assert reply.evaluate("reply => reply.scrollWidth <= reply.clientWidth")
    box.focus()
    reply.page.keyboard.press("ArrowRight")
    reply.page.wait_for_function("box => box.scrollLeft > 0", arg=box.element_handle())
    expect(box.locator("td").first).to_have_attribute("align", "right")


def test_code_is_coloured_wrapped_and_copied(say: Callable[[str], Locator]) -> None:
    code = 'def tide(hours):\n    return "<b>high</b>"  # ' + "water" * 60
    reply = say(f"```python\n{code}\n```")

    block = reply.locator("code-block")
    expect(block.locator("[data-part=language]")).to_have_text("python")
    expect(block.locator(".hljs-keyword").first).to_have_text("def")
    expect(block.locator("code")).to_have_text(code)
    scroller = block.get_by_role("group", name="Code")
    assert scroller.evaluate("box => box.scrollWidth > box.clientWidth")
    wrap = block.get_by_role("button", name="Wrap lines")
    wrap.click()
    expect(wrap).to_have_attribute("aria-pressed", "true")
    assert scroller.evaluate("box => box.scrollWidth === box.clientWidth")
    block.get_by_role("button", name="Copy").click()
    expect(block.get_by_role("button", name="Copied")).to_be_focused()
    assert reply.page.evaluate("navigator.clipboard.readText()") == code
    expect(block.get_by_role("button", name="Copy")).to_be_visible()


def test_formulas_are_set_and_prices_are_not(say: Callable[[str], Locator]) -> None:
    reply = say(
        "It costs $5 and that $10, from $3 to 4$ a piece. But $E=mc^2$ and \\(a_1\\).\n\n$$\nx\n- y\n$$\n\n"
        "\\[\n\\begin{pmatrix}1&2\\end{pmatrix}\n\\]\n\n`$not$` and $\\unknown{x}$"
    )

    expect(reply.locator("math")).to_have_count(4)
    expect(reply.locator("math[display=block]")).to_have_count(2)
    expect(reply.locator("p").first).to_contain_text("It costs $5 and that $10, from $3 to 4$ a piece.")
    expect(reply.locator("p").last).to_have_text("$not$ and $\\unknown{x}$")


def test_an_image_is_a_link_that_names_its_host(say: Callable[[str], Locator]) -> None:
    reply = say(
        "![A chart](https://evil.example/pixel.png?q=secret) ![](http://other.example/x.svg) ![x](data:image/png,1)"
    )

    links = reply.get_by_role("link")
    expect(links).to_have_text(["A chart (Image from evil.example)", "Image from other.example"])
    expect(links.first).to_have_attribute("href", "https://evil.example/pixel.png?q=secret")
    expect(reply.locator("img")).to_have_count(0)
    expect(reply).to_contain_text("![x](data:image/png,1)")


def test_an_image_within_a_link_is_the_links_text(say: Callable[[str], Locator]) -> None:
    link = say("[![Build](https://img.example/b.svg)](https://example.org/builds)").get_by_role("link")

    expect(link).to_have_text(["Build (Image from img.example)"])
    expect(link).to_have_attribute("href", "https://example.org/builds")


def test_names_of_characters_are_characters_but_in_code(say: Callable[[str], Locator]) -> None:
    reply = say("&copy; 2026 &lt;b&gt;x&lt;/b&gt; &#x1F600; &notit; &nowhere; \\&copy; `&copy;`")

    expect(reply).to_have_text("© 2026 <b>x</b> 😀 ¬it; &nowhere; &copy; &copy;")
    expect(reply.locator("b")).to_have_count(0)


def test_what_nests_deeper_than_anybody_reads_is_shown_as_it_was_written(say: Callable[[str], Locator]) -> None:
    reply = say("> " * 150 + "the end")

    expect(reply).to_contain_text("> > the end")
    assert 50 < reply.locator("blockquote").count() < 150


def test_links_lead_out_of_the_page_only_where_that_is_safe(say: Callable[[str], Locator]) -> None:
    reply = say(
        "[a](https://example.org) [m](mailto:a@example.org) [j](javascript:alert(1)) [J](JaVaScRiPt:alert(1)) "
        "[d](data:text/html,x) [r](/accounts/logout/) [v](vbscript:x) [e](&#106;avascript:alert(1)) <javascript:x>"
    )

    links = reply.get_by_role("link")
    expect(links).to_have_text(["a", "m"])
    for name, value in {"rel": "noopener noreferrer nofollow", "target": "_blank"}.items():
        expect(links.first).to_have_attribute(name, value)
    expect(reply).to_contain_text("[r](/accounts/logout/)")


HOSTILE = """<script>window.pwned = 1</script> <img src=x onerror="window.pwned = 2"> <svg onload="window.pwned = 3">

<div id="composer" class="dialog" style="position:fixed;inset:0">cover</div>

[x](https://example.org "onmouseover=window.pwned=4") [y](https://example.org/"onclick="window.pwned=5)

```js" onmouseover="window.pwned=6
code
```

$\\href{javascript:window.pwned=7}{x}$ $\\class{dialog}{x}$ $\\includegraphics{https://evil.example/x}$
$\\style{color:red}{x}$
"""


def test_html_in_a_reply_is_text(say: Callable[[str], Locator]) -> None:
    reply = say(HOSTILE)

    expect(reply).to_contain_text('<div id="composer" class="dialog" style="position:fixed;inset:0">cover</div>')
    expect(reply.locator("script, img, svg:not(.icon-button svg), [id], [style], .dialog")).to_have_count(0)
    attributes = reply.evaluate("e => [...e.querySelectorAll('*')].flatMap(e => e.getAttributeNames())")
    assert not [name for name in attributes if name.startswith("on")]
    assert reply.page.evaluate("window.pwned") is None


def test_links_are_resolved_that_are_defined_below(say: Callable[[str], Locator]) -> None:
    reply = say("See [the tables][1].\n\nMore.\n\n[1]: https://example.org/tables")

    expect(reply.get_by_role("link", name="the tables")).to_have_attribute("href", "https://example.org/tables")


def test_copying_a_reply_gives_its_markdown(visitor: Visitor) -> None:
    page = visitor.open()
    reply = ask(page, "# Tides\n\n**High**")
    reply.hover()

    reply.get_by_role("button", name="Copy").click()

    expect(reply.locator("[data-action=copy]")).to_have_class("icon-button is-done")
    assert page.evaluate("navigator.clipboard.readText()") == "# Tides\n\n**High**"
