"""chrF as everybody computes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF

from assistant.outcomes.similarity import chrf

TEXTS = [
    ("In the sea.", "In the sea."),
    ("In a lake.", "In the sea."),
    ("", "In the sea."),
    ("In the sea.", ""),
    ("在海里。", "在大海里。"),
    ("a", "In the sea, where they have been going since there were rivers."),
]


@pytest.mark.parametrize(("text", "reference"), TEXTS)
def test_it_is_that_of_sacrebleu(text: str, reference: str) -> None:
    assert chrf(text, reference) == pytest.approx(_theirs(text, reference))


@given(st.text("ab c海", max_size=30), st.text("ab c海", max_size=30))
def test_it_is_that_of_sacrebleu_for_any_texts(text: str, reference: str) -> None:
    assert chrf(text, reference) == pytest.approx(_theirs(text, reference))


def _theirs(text: str, reference: str) -> float:
    return float(CHRF().sentence_score(text, [reference]).score) / 100
