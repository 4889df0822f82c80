"""Likeness is what the field's own programs say it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from inference.evaluation import metrics

WORDS = ["the", "cat", "sat", "on", "a", "mat", "while", "rain", "fell"]
SENTENCES = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
LIKENESS = [metrics.exact_match, metrics.token_f1, metrics.rouge_l, metrics.chrf, metrics.bleu]


@given(SENTENCES, SENTENCES)
def test_rouge_l_is_that_of_rouge_score(answer: str, reference: str) -> None:
    if answer or reference:
        expected = RougeScorer(["rougeL"]).score(reference, answer)["rougeL"].fmeasure
        assert metrics.rouge_l(answer, reference) == pytest.approx(expected)


@pytest.mark.parametrize("likeness", LIKENESS)
@pytest.mark.parametrize("text", ["Yes, you can return it within 30 days.", "可以，三十天内可以退货。"])
def test_equal_texts_are_wholly_alike_and_others_are_not(likeness, text: str) -> None:
    assert likeness(text, text) == pytest.approx(1.0)
    assert likeness("Zqx vwk", text) < 0.1
    assert likeness("", text) == 0.0


def test_words_of_chinese_are_its_signs_and_wide_forms_are_narrow() -> None:
    assert metrics.words("Ａpple 苹果, H₂O don't") == ["apple", "苹", "果", "h2o", "don", "t"]


def test_token_f1_counts_words_as_often_as_both_have_them() -> None:
    # 2 of 3 words answered, 2 of 4 expected.
    assert metrics.token_f1("go go home", "home you should go") == pytest.approx(2 * 2 / 7)


def test_a_text_is_cjk_when_a_third_of_its_words_are() -> None:
    assert metrics.is_cjk("请重启 router")
    assert not metrics.is_cjk("Please restart the blue router (路由)")
    assert not metrics.is_cjk("")


def test_the_length_ratio_of_nothing_is_one() -> None:
    assert metrics.length_ratio("", "") == 1.0
    assert metrics.length_ratio("one two", "one two three four") == 0.5
    assert metrics.length_ratio("one two", "") == 2.0


def test_labels_are_counted_as_in_a_table_of_confusion() -> None:
    found = metrics.classification(["a", "a", "b", "c"], ["a", "b", "b", "b"])
    assert found.accuracy == 0.5
    assert found.labels["a"] == pytest.approx((1 / 2, 1.0, 2 / 3))
    assert found.labels["b"] == pytest.approx((1.0, 1 / 3, 1 / 2))
    assert found.labels["c"] == (0.0, 0.0, 0.0)
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 3)


def test_no_labels_are_no_classification() -> None:
    with pytest.raises(ValueError, match="at least one"):
        metrics.classification([], [])
