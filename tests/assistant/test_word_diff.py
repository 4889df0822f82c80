"""What was changed between two texts: both can be read from it, in words of every script, and never at great length."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.feedback.word_diff import segments


def shown(before: str, after: str) -> str:
    """Deletions in [-…-], insertions in {+…+}."""
    frames = {"equal": "{}", "delete": "[-{}-]", "insert": "{{+{}+}}"}
    return "".join(frames[segment.kind].format(segment.text) for segment in segments(before, after))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("Rivers end in a lake.", "Rivers end in the sea.", "Rivers end in [-a lake-]{+the sea+}."),
        ("Same.", "Same.", "Same."),
        ("", "New", "{+New+}"),
        ("Old", "", "[-Old-]"),
        ("退货期限是三十天。", "退货期限是十四天。", "退货期限是[-三十-]{+十四+}天。"),
        ("One\nTwo", "One\nThree", "One\n[-Two-]{+Three+}"),
        ("Send it back today", "Send it today", "Send it [-back -]today"),
        # A word that stayed by chance between two that did not is shown with them.
        ("red cat runs home", "blue cat sleeps home", "[-red cat runs-]{+blue cat sleeps+} home"),
    ],
)
def test_changes_are_shown_word_by_word(before: str, after: str, expected: str) -> None:
    assert shown(before, after) == expected


TEXTS = st.text(alphabet="ab 海湖.\n\u0301é", max_size=60)


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_the_changes(before: str, after: str) -> None:
    found = segments(before, after)

    assert "".join(segment.text for segment in found if segment.kind != "insert") == before
    assert "".join(segment.text for segment in found if segment.kind != "delete") == after
    assert all(segment.text for segment in found)
    assert not any(one.kind == other.kind for one, other in pairwise(found))


@pytest.mark.parametrize("count", [130, 140, 7_000])
def test_a_text_made_to_take_hours_is_told_as_replaced(count: int) -> None:
    began = time.monotonic()

    found = segments("x" + " a b" * count, "y" + " b a a" * count)

    assert count < 135 or [segment.kind for segment in found] == ["delete", "insert"]
    assert time.monotonic() - began < 5
