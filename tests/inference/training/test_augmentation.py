"""Rows made of rows: other wordings of the questions, and found passages before them."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assistant.knowledge.context import with_passages
from inference.contract import ChatMessage
from inference.training.augmentation.filtering import Vector
from inference.training.augmentation.reading import NOTHING_FITS, reading_of, rendered
from inference.training.augmentation.rows import Content, Made, augment
from inference.training.augmentation.wording import key_words, wordings
from inference.training.spec import Augmentation
from tests.inference.training.conftest import SpecWriter, assistant, preference, user
from tests.inference.training.running import run

QUESTION = "How long does it take to get a building permit?"
ANSWER = "The statutory processing time is 10 weeks, with a possible extension to 20 weeks."
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=60)


def row(row_id: str, question: str = QUESTION, answer: str = ANSWER, **more: object) -> Content:
    content = {"id": row_id, "kind": "sft", "prompt": [{"role": "system", "content": "Be kind."}, user(question)]}
    return {**content, "completion": [assistant(answer)], "group": f"g-{row_id}", "split": "train", **more}


def made_of(train: Sequence[Content], held_out: Sequence[Content] = (), seed: int = 1, **wanted: float) -> Made:
    settings = Augmentation(**{"wordings": 8, **wanted})  # type: ignore[arg-type]  # by name
    return augment(train, held_out, settings, seed, write=None, embed=letters)


def letters(found: Sequence[str]) -> list[Vector]:
    """A stand-in for an embedder: how often each letter occurs."""
    vectors = []
    for text in found:
        counts = np.array([text.lower().count(chr(code)) for code in range(ord("a"), ord("z") + 1)], dtype="<f4")
        vectors.append((counts / max(float(np.linalg.norm(counts)), 1e-6)).astype(np.float32))
    return vectors


def question_of(content: Content) -> str:
    return str(content["prompt"][-1]["content"])


@given(texts, texts, st.integers(0, 12))
def test_a_wording_is_another_question_that_gives_no_number_away(question: str, answer: str, count: int) -> None:
    made = wordings(question, answer, count, random.Random(0))
    assert len(made) == len(set(made)) <= count
    assert question not in made
    for wording in made:
        assert set(re.findall(r"\d+", wording)) <= set(re.findall(r"\d+", question))


def test_wordings_are_of_several_kinds() -> None:
    made = wordings(QUESTION, ANSWER, 12, random.Random(0))
    assert len(made) >= 10
    assert QUESTION.lower().rstrip("?") in made
    assert any("statutory" in wording or "processing" in wording or "extension" in wording for wording in made)


def test_a_chinese_question_keeps_its_words() -> None:
    made = wordings("建筑许可需要多久？", "法定处理时间为10周。", 5, random.Random(0))
    assert made
    assert all("建筑许可需要多久" in wording for wording in made)


def test_key_words_are_those_that_carry_matter() -> None:
    assert key_words("What is the price of a permit, and of a permit for me?") == ["price", "permit"]


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=6), st.integers(0, 5))
def test_made_rows_belong_to_their_origin_and_are_the_same_for_the_same_seed(
    cases: list[tuple[str, str]], seed: int
) -> None:
    train = [row(f"r{at}", question, answer) for at, (question, answer) in enumerate(cases)]
    origins = {content["id"]: content for content in train}
    made = made_of(train, seed=seed, reading=0.5)
    assert made == made_of(train, seed=seed, reading=0.5)
    for content in made.rows:
        origin = origins[content["origin"]]
        assert (content["group"], content["split"]) == (origin["group"], origin["split"])
        assert content["prompt"][0]["content"].startswith(origin["prompt"][0]["content"])
        assert content["augmented"] in ("wording", "reading", "nothing_fits")
        if content["augmented"] != "nothing_fits":
            assert content["completion"] == origin["completion"]
    assert len({content["id"] for content in [*train, *made.rows]}) == len(train) + len(made.rows)
    assert sum(made.counts.values()) == len(made.rows)


@given(st.integers(0, 100))
def test_nothing_that_is_held_out_is_asked_in_training(seed: int) -> None:
    held_out = [row("t", "how long does it take to get a building permit"), row("u", "Hi, how do I apply for F-skatt?")]
    train = [row("a"), row("b", "How do I apply for F-skatt?", "Via verksamt.se. It is free and takes 1 to 4 weeks.")]
    made = made_of(train, held_out, seed=seed)
    asked = [" ".join(re.findall(r"\w+", question_of(content).lower())) for content in made.rows]
    assert made.refused["near_held_out"] >= 1
    assert "how long does it take to get a building permit" not in asked
    assert "hi how do i apply for f skatt" not in asked


def test_a_question_that_asks_for_another_answer_is_refused() -> None:
    train = [row("a", "zzzz zzzz", "zz"), row("b", "Who qualifies?", "Everyone.")]
    wanted = Augmentation(written=2)
    written = {"a": ["who qualifies now?", "zzz zzz zz?"], "b": []}
    made = augment(train, [], wanted, 0, write=lambda cases: written, embed=letters)
    assert [question_of(content) for content in made.rows] == ["zzz zzz zz?"]
    assert made.refused == {"asks_for_another": 1}


def test_only_single_questions_with_an_answer_are_reworded() -> None:
    longer = row("l", prompt=[user("Hello"), assistant("Hi."), user("And then?")])
    assert made_of([longer, preference(1)]).rows == ()


def test_a_made_row_counts_a_share_of_its_origin() -> None:
    made = made_of([row("a", weight=0.6)], weight=0.5)
    assert {content["weight"] for content in made.rows} == {0.3}


def test_a_reading_row_shows_the_right_answer_among_wrong_ones_or_says_that_nothing_fits() -> None:
    right, wrong = ("Q?", "The answer is 7."), [("R?", "Red."), ("S?", "Soft."), ("T?", "Tall.")]
    found = [reading_of(right, wrong, 3, random.Random(seed)) for seed in range(200)]
    fitting = [reading for reading in found if reading.fits]
    assert 130 < len(fitting) < 190
    for reading in found:
        assert (right in reading.shown) is reading.fits
        assert reading.answer == (right[1] if reading.fits else NOTHING_FITS)
        assert len(reading.shown) == 3
    assert {reading.shown.index(right) for reading in fitting} == {0, 1, 2}


def test_passages_are_the_likest_of_the_other_answers() -> None:
    train = [row("a", "aaaa b", "1"), row("b", "aaaa c", "2"), row("c", "zzzz", "3")]
    made = made_of(train, wordings=0, reading=1.0, passages=2)
    shown = {content["origin"]: content["prompt"][0]["content"] for content in made.rows}
    assert "aaaa c" in shown["a"]


def test_found_answers_are_shown_as_they_are_served() -> None:
    found = [("How long?", "10 weeks."), ("How much?", "3,000 SEK.")]
    served = with_passages([ChatMessage("system", "Be kind."), ChatMessage("user", "Well?")], found, 10_000)
    assert rendered("Be kind.", found) == served[0].text


def test_a_dry_run_makes_the_rows_that_cost_no_time(write_spec: SpecWriter) -> None:
    train = [row(f"r{at}", f"How old is number {at}?", f"It is {at} years old.") for at in range(4)]
    wanted = {"wordings": 3, "written": 2}
    status, events = run(write_spec(train, augmentation=wanted, dry_run=True))
    assert status == 0
    assert events[-1]["rows"]["sft"] == 4 + events[-1]["augmentation"]["rows"]["wording"]


def test_what_was_made_is_counted_and_made_once(write_spec: SpecWriter) -> None:
    train = [row(f"r{at}", f"How old is number {at}?", f"It is {at} years old.") for at in range(4)]
    spec = write_spec(train, augmentation={"wordings": 2, "reading": 1.0}, epochs=1)
    status, events = run(spec)
    made = (spec.parent / "run" / "augmented.jsonl").read_text().splitlines()
    assert status == 0
    assert sum(events[-1]["augmentation"]["rows"].values()) == len(made) > 8
    assert events[-1]["rows"]["sft"] == 4 + len(made)


def test_what_people_refused_is_not_made_again_of_that_row() -> None:
    train = [row("a"), row("b", "How is a license for shooting obtained?", "You ask the police for it.")]
    wanted = Augmentation(wordings=4)
    before = augment(train, [], wanted, 1, write=None, embed=None)
    bad = next(question_of(content) for content in before.rows if content["origin"] == "a")
    refused = {"a": [hashlib.sha256(bad.encode()).hexdigest()]}

    made = augment(train, [], wanted, 1, write=None, embed=None, refused=refused)

    assert [question_of(content) for content in made.rows] == [
        question_of(content) for content in before.rows if question_of(content) != bad
    ]
    assert made.refused["by_people"] == 1
