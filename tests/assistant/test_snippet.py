"""A snippet shows the text as it was written, with what was searched for marked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.chat.search_query import parsed
from assistant.chat.snippet import LENGTH, snippet


def marked(text: str, query: str) -> str:
    """The snippet with matches in brackets."""
    return "".join(f"[{part.text}]" if part.is_match else part.text for part in snippet(text, parsed(query).phrases))


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("A tide, and tides.", "tide", "A [tide], and [tide]s."),
        ("A tide, and tides.", '"tide"', "A [tide], and tides."),
        ("Crème Brûlée", "brulee creme", "[Crème] [Brûlée]"),
        ("cre\u0300me", "creme", "[cre\u0300me]"),
        ("Die Straße!", "strasse", "Die [Straße]!"),
        ("At low-tide, low", '"low tide"', "At [low-tide], low"),
        ("潮汐是月球引力", "月球", "潮汐是[月球]引力"),
        ("<b>tide</b>", "tide", "<b>[tide]</b>"),
        ("Nothing of it", "tide", "Nothing of it"),
    ],
)
def test_matches_are_marked_in_the_text_as_written(text: str, query: str, expected: str) -> None:
    assert marked(text, query) == expected


def test_a_long_text_is_cut_between_words_around_the_first_match() -> None:
    text = "before " * 100 + "the tide " + "after " * 100

    cut = marked(text, "tide")

    assert cut.startswith("…before before")
    assert "the [tide] after" in cut
    assert cut.endswith("after…")
    assert len(cut) <= LENGTH + 4


@given(st.text(max_size=400), st.text(min_size=1, max_size=4))
def test_a_snippet_is_a_piece_of_the_text_and_its_marks_are_right(text: str, word: str) -> None:
    phrases = parsed(f"x{word}").phrases
    text = f"{text} x{word} {text}"

    parts = snippet(text, phrases)

    assert "".join(part.text for part in parts).removeprefix("…").removesuffix("…") in f"{text}…"
    assert any(part.is_match for part in parts)
