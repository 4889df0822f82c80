"""Which passages are found for a question, and how sure that is: by words in every script, by vectors where there are
some, and by words alone where there is no embedder."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.words import normalised
from inference.contract import IndexedPassage
from inference.serving.passage_index import SMALLEST, PassageIndex
from inference.serving.retrieval import LocalRetriever

FAQ = {
    "How long does it take to get a building permit?": "The statutory processing time is 10 weeks.",
    "What does a building permit cost?": "The fee is calculated according to the municipal tariff.",
    "Is a permit required for a pool?": "For a pool in the ground no permit is needed.",
    "办理建筑许可证需要多长时间？": "法定处理时间为十周。",
    "建筑许可证的费用是多少？": "费用按照市政收费标准计算。",
}


def retriever(model: str = "scripted:") -> LocalRetriever:
    found = LocalRetriever(model)
    found.start()
    vectors = found.embed(list(FAQ.items()))
    found.put(
        [
            IndexedPassage(question, normalised(question), normalised(answer), vector)
            for (question, answer), vector in zip(FAQ.items(), vectors, strict=True)
        ]
    )
    return found


def best(retriever: LocalRetriever, question: str) -> tuple[str, float]:
    match = retriever.find(question, normalised(question), 3)[0]
    return match.id, match.score


@pytest.mark.parametrize("model", ["scripted:", "off"])
@pytest.mark.parametrize("question", FAQ)
def test_the_same_words_are_the_same_question(model: str, question: str) -> None:
    assert best(retriever(model), question.upper().replace("?", " !").replace("？", "")) == (question, 1.0)


@pytest.mark.parametrize("model", ["scripted:", "off"])
@pytest.mark.parametrize(
    ("question", "meant"),
    [
        ("How long must I wait to get my building permit?", "How long does it take to get a building permit?"),
        ("And what would a building permit cost me?", "What does a building permit cost?"),
        ("请问办理建筑许可证大概要多长时间？", "办理建筑许可证需要多长时间？"),
        ("建筑许可证收多少费用？", "建筑许可证的费用是多少？"),
    ],
)
def test_other_words_find_the_question_that_is_meant(model: str, question: str, meant: str) -> None:
    found, score = best(retriever(model), question)
    assert found == meant
    assert 0.4 < score < 1.0


def test_what_has_nothing_in_common_is_far_from_everything() -> None:
    assert all(match.score < 0.4 for match in retriever().find("Write a poem", normalised("Write a poem"), 3))
    assert all(match.score < 0.4 for match in retriever().find("写一首诗", normalised("写一首诗"), 3))


def test_words_of_the_answer_help_to_find_it() -> None:
    assert best(retriever("off"), "Which municipal tariff is it?")[0] == "What does a building permit cost?"


def test_a_removed_passage_is_not_found_and_a_new_one_takes_its_place() -> None:
    index = PassageIndex()
    index.put([IndexedPassage("one", "how long", "ten weeks"), IndexedPassage("two", "how much", "a lot")])
    index.remove(["one", "unknown"])
    assert [match.id for match in index.find("how long", None, 5)] == ["two"]
    index.put([IndexedPassage("two", "how long", "a day")])
    assert [(match.id, match.score) for match in index.find("how long", None, 5)] == [("two", 1.0)]
    assert len(index) == 1


def test_an_empty_index_finds_nothing() -> None:
    assert PassageIndex().find("how long", None, 3) == []
    assert LocalRetriever("off").find("How long?", "how long", 3) == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3 * SMALLEST)), max_size=6 * SMALLEST))
def test_it_holds_what_was_put_and_not_removed_whatever_the_order(steps: list[tuple[bool, int]]) -> None:
    index, expected = PassageIndex(), set[int]()
    for is_put, number in steps:
        vector = np.eye(4, dtype="<f4")[number % 4].tobytes()
        if is_put:
            index.put([IndexedPassage(str(number), f"number {number}", "", vector)])
            expected.add(number)
        else:
            index.remove([str(number)])
            expected.discard(number)
    assert len(index) == len(expected)
    for number in list(expected)[:5]:
        found = index.find(f"number {number}", np.eye(4, dtype=np.float32)[number % 4], 1)
        assert [(match.id, match.score) for match in found] == [(str(number), 1.0)]


def test_without_its_embedder_it_says_so_and_compares_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = LocalRetriever("/nowhere/embedder")
        assert found.start().sha256 == ""
    assert "by their words alone" in caplog.text
    assert found.embed([("How long?", "Ten weeks.")]) == [b""]
