"""What a test is suggested to ask for: the facts that were changed, with a word that says of what."""

from __future__ import annotations

import pytest

from assistant.feedback.word_diff import segments
from webui.review.suggestion import suggested_phrases


@pytest.mark.parametrize(
    ("before", "after", "must_contain", "must_not_contain"),
    [
        ("You have 14 days.", "You have 30 days.", ["30 days"], ["14 days"]),
        ("退货期限是十四天。", "退货期限是三十天。", ["三十天"], ["十四天"]),
        # What stands elsewhere in the other text distinguishes nothing.
        ("14 days. Refunds take 30 days.", "30 days. Refunds take 5 days.", ["5 days"], ["14 days"]),
        ("No.", "Write to the shop. Then print the label.", ["Write to the shop", "Then print the label"], ["No"]),
        ("Ask him and go home now", "Ask Anna and go home in May", ["Anna and", "in May"], ["him and", "now"]),
        ("The same.", "The same.", [], []),
        ("", "a" * 100, [], []),
    ],
)
def test_what_was_changed_is_suggested(
    before: str, after: str, must_contain: list[str], must_not_contain: list[str]
) -> None:
    suggested = suggested_phrases(segments(before, after))

    assert suggested == {"must_contain": must_contain, "must_not_contain": must_not_contain}
