"""What is searched and what is asked become the same words, however they were written."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.words import normalised

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The  quick,\nbrown-fox!", "the quick brown fox"),
        ("Crème BRÛLÉE, Straße, İzmir", "creme brulee strasse izmir"),
        ("cre\u0300me", "creme"),
        ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
        ("snake_case 3.14 ﬁne", "snake case 3 14 fine"),
        ("你好world", "你 好 world"),
        ("東京タワー", "東 京 タ ワ ー"),
        ("สวัสดี", "ส ว ั ส ด ี"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zero width"),
        ("I ❤️ it 👍🏽", "i ❤ it 👍"),
        ("\"*^(){}:- \\ % '", ""),
    ],
)
def test_words_are_brought_to_their_plainest_form(text: str, words: str) -> None:
    assert normalised(text) == words


@given(ANY_TEXT)
def test_composed_and_decomposed_texts_have_the_same_words(text: str) -> None:
    assert normalised(unicodedata.normalize("NFC", text)) == normalised(unicodedata.normalize("NFD", text))


@given(ANY_TEXT)
def test_words_are_their_own_words(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@given(ANY_TEXT)
def test_one_space_stands_between_words_and_nothing_of_a_syntax_is_left(text: str) -> None:
    words = normalised(text)

    assert words == " ".join(words.split())
    assert not any(unicodedata.category(character)[0] in "PZC" for character in words if character != " ")
