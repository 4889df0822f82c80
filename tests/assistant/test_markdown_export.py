"""The Markdown of an export, read by a CommonMark parser that allows everything: what texts say stays in its place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant.chat.models import Message
from assistant.portability import markdown

AT = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
FRAGMENTS = [
    *("\n", "\n\n", "\r", " ", "    ", "\t", "word", "`", "``", "```", "````", "~~~", "```js", "``` `", "~~~ `x"),
    *("- ", "* ", "+ ", "1. ", "> ", "- ```", "> ~~~", "# ", "## You", "## You · 2026-05-01 12:30 UTC", "# Title"),
    *(
        "===",
        "---",
        "- - -",
        "\nYou\n===\n",
        "\nYou\n---\n",
        "> You\n> ---\n",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<!-- ",
        "-->",
        "<?x",
        "<svg/",
    ),
    *("<", ">", "&lt;", "&#60;script>", "\\", "\\<b>", "![x](https://canary.test/a.png)", "!", "[", "](", ")", "[x]:"),
    *(
        "[x](javascript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](<javascript:alert(1)>)",
        "[x](data:text/html,a)",
    ),
    *("[x]: javascript:alert(1)\n", "[x]: //canary.test\n", "![x][x]", "<javascript:alert(1)>", "|a|\n|---|\n", "$$"),
]


def document(title: str, *texts: str) -> str:
    roles = (Message.Role.USER, Message.Role.ASSISTANT)
    path = [Message(role=roles[n % 2], text=text, created_at=AT) for n, text in enumerate(texts)]
    return "".join(markdown.conversation(title, path))


def parse(source: str) -> list[Token]:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # the most careless reader there is
    return [each for token in parser.parse(source) for each in (token, *(token.children or ()))]


def headings(tokens: list[Token]) -> list[tuple[str, str]]:
    return [
        (token.tag, tokens[number + 1].content)
        for number, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag in ("h1", "h2")
    ]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join), st.lists(st.sampled_from(FRAGMENTS)).map("".join)
)
def test_no_text_leaves_its_place(text: str, other: str) -> None:
    tokens = parse(document("Title", text or "x", other or "x", "the end"))

    heads = [(tag, "You" if "You" in content else content[:6]) for tag, content in headings(tokens)]
    assert heads == [("h1", "Title"), ("h2", "You"), ("h2", "Parley"), ("h2", "You")]
    assert not {token.type for token in tokens} & {"html_block", "html_inline", "image"}
    for token in tokens:
        if token.type == "link_open":
            assert str(token.attrs["href"]).lower().startswith(("http://", "https://", "mailto:"))
    assert tokens[-2].content == "the end"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("`~\\a#*_<>![]()-=|&$\n "), max_size=40))
def test_a_title_is_one_heading_of_plain_words(title: str) -> None:
    tokens = parse(document(title, "x"))

    assert [tag for tag, _ in headings(tokens)] == ["h1", "h2"]
    assert not {token.type for token in tokens} & {"html_inline", "image", "link_open", "code_inline", "em_open"}


@pytest.mark.parametrize(
    "text",
    [
        "Plain words, 2 < 3 & *emphasis*",
        "- one\n- two\n  - three",
        "```python\nif a < b:\n    print('<b>')\n# a comment\n```",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "[a link](https://example.org/a?b=1) and `code`",
    ],
)
def test_what_people_write_is_left_as_it_is(text: str) -> None:
    assert text in document("Title", text)


def test_code_is_kept_to_the_letter() -> None:
    code = "<div>\n## You\n![x](y)\n```\n~~~\n</div>"

    tokens = parse(document("Title", f"Look:\n~~~~html\n{code}\n~~~~\nDone"))

    [fence] = [token for token in tokens if token.type == "fence"]
    assert (fence.info, fence.content) == ("html", code + "\n")


def test_headings_of_a_text_stand_below_its_speaker() -> None:
    tokens: list[Any] = parse(document("Title", "# Mine\n## And mine"))

    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2", "h3", "h4"]
