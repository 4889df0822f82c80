"""One row for what is said alike, and none for what is contradicted."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.finetuning.candidates import Candidate
from assistant.finetuning.merging import Merged, contradictions, merge
from tests.assistant.learning import candidate

# The shape of a real corpus: 1,050 pairs of which 10 are distinct.
SUPPORT = [
    (
        "My computer does not start any more.",
        "Check that it is plugged in and the socket has power.",
    ),
    (
        "The screen stays black after I log in.",
        "Press the Windows key, Ctrl, Shift and B to restart the graphics.",
    ),
    (
        "How do I print on both sides of the paper?",
        "Choose two-sided in the print dialogue, if the printer can do it.",
    ),
    ("My mouse pointer jumps around by itself.", "Clean the sensor and try another surface under the mouse."),
    ("How do I connect to the wireless network?", "Open the network menu, choose the network and type its password."),
    ("The battery is empty after one hour.", "Lower the brightness and see which program uses the most energy."),
    ("Where do I find files that I have deleted?", "Look into the recycle bin and restore them from there."),
    ("How can I make the text larger everywhere?", "Raise the scaling in the display settings."),
    ("A program hangs and cannot be closed.", "End it in the task manager; what was not saved is lost."),
    ("How do I take a picture of the screen?", "Press the print key, then paste it into a document."),
]


def merged(candidates: list[Candidate]) -> list[Merged]:
    return merge(candidates, {row.id: row.base_weight for row in candidates})


def test_a_corpus_of_1050_pairs_of_which_10_are_distinct_leaves_10() -> None:
    ways = [str, str.lower, lambda text: f" {text} ", lambda text: text.rstrip("?.") + " !", lambda text: text + "\n"]
    corpus = [
        candidate(ways[number % 5](question), ways[number % 5](answer))
        for number in range(105)
        for question, answer in SUPPORT
    ]
    assert len(corpus) == 1_050

    rows = merged(corpus)

    assert [(row.candidate.id, len(row.others)) for row in rows] == [(row.id, 104) for row in corpus[:10]]


def test_questions_that_are_near_each_other_with_different_answers_stay_apart() -> None:
    question = "What is the {} deduction for the owner of a house, and who pays for it in the end?"
    rut, rot = (
        candidate(question.format(name), f"{name} is for {work}.")
        for name, work in [("RUT", "cleaning, gardening and moving"), ("ROT", "repairs, conversion and extension")]
    )

    assert len(merged([rut, rot])) == 2


def test_even_answers_that_are_near_stay_apart_when_the_fact_differs() -> None:
    question = "What is the {} deduction for the owner of a house, and who pays for it in the end?"
    answer = "{} is a deduction from the tax on the cost of work in the home, which the firm claims for the owner."
    rut, rot = (candidate(question.format(name), answer.format(name)) for name in ("RUT", "ROT"))

    assert len(merged([rut, rot])) == 2


def test_the_same_said_by_many_counts_more_but_not_without_end() -> None:
    pair = SUPPORT[0]

    assert merged([candidate(*pair, base_weight=0.3) for _ in range(2)])[0].weight == pytest.approx(0.6)
    assert merged([candidate(*pair, base_weight=0.3) for _ in range(9)])[0].weight == 1.0


def test_another_context_is_another_question() -> None:
    turns = [{"role": "user", "content": SUPPORT[0][0]}]
    before = [{"role": "user", "content": "I have a very old laptop."}, {"role": "assistant", "content": "I see."}]

    rows = merged([candidate("", "Plug it in, please.", prompt=prompt) for prompt in (turns, before + turns)])

    assert len(rows) == 2


def rating(is_good: bool, answer: str = "In the sea.") -> Candidate:
    return candidate("Where do rivers end?", answer, kind="unpaired", label=is_good, source="rating")


def preference(better: str, worse: str) -> Candidate:
    fields: dict[str, Any] = {
        "kind": "preference",
        "source": "comparison",
        "completion": None,
        "chosen": [{"role": "assistant", "content": better}],
        "rejected": [{"role": "assistant", "content": worse}],
    }
    return candidate("Where do rivers end?", "", **fields)


def test_a_kind_is_not_merged_with_another_nor_a_thumb_up_with_a_thumb_down() -> None:
    rows = [rating(True), rating(False), candidate("Where do rivers end?", "In the sea.")]

    assert len(merged(rows)) == 3


def test_of_thumbs_that_go_both_ways_only_a_clear_lead_counts() -> None:
    ups, downs = [rating(True) for _ in range(3)], [rating(False) for _ in range(2)]

    assert contradictions([*ups, *downs]) == {row.id: "contradicted" for row in [*ups, *downs]}
    assert contradictions([*ups, *downs[:1]]) == {downs[0].id: "contradicted"}
    assert contradictions(ups) == {}


def test_votes_for_one_and_for_the_other_answer_contradict_each_other() -> None:
    one, other = preference("In the sea.", "In a lake."), preference("In a lake.", "In the sea.")

    assert set(contradictions([one, other])) == {one.id, other.id}
    assert contradictions([one, preference("In the sea.", "In a lake.")]) == {}
