"""Questions in words of near meaning: other words, the same numbers, the same for the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.embedding import Embedder
from inference.training.augmentation.filtering import Vector
from inference.training.augmentation.near_words import FRAMES, NearWords, near_words
from tests.inference.training.conftest import SpecWriter
from tests.inference.training.running import run
from tests.inference.training.test_augmentation import ANSWER, QUESTION, made_of, row, texts

# Each word's meaning is a direction of its own; those of one line mean the same.
MEANINGS = (
    ("permit", "licence", "permits"),
    ("building", "house"),
    ("processing", "paperwork"),
    ("statutory", "legal"),
)
WORDS = [word for words in MEANINGS for word in words]


def meanings(found: Sequence[str]) -> list[Vector]:
    """A stand-in for an embedder that knows MEANINGS."""
    vectors = [
        [float(any(word in words for word in re.findall(r"\w+", text.lower()))) for words in MEANINGS] for text in found
    ]
    return [np.array(vector, dtype=np.float32) / max(1e-6, float(np.linalg.norm(vector))) for vector in vectors]


def near() -> NearWords:
    return NearWords(WORDS, np.stack(meanings(WORDS)), meanings)


def test_words_stand_for_words_of_the_same_meaning() -> None:
    made = near().questions(QUESTION, ANSWER, 40, random.Random(0))
    said = {word for text in made for word in re.findall(r"\w+", text.lower())}
    assert len(made) == 40
    assert {"licence", "house", "paperwork", "legal"} <= said
    assert said <= set(re.findall(r"\w+", " ".join([QUESTION, ANSWER, *FRAMES]).lower())) | set(WORDS)


def test_questions_have_many_forms() -> None:
    made = near().questions(QUESTION, ANSWER, 40, random.Random(0))
    assert sum(text.lower().startswith("how long does it take to get a") for text in made) < len(made) / 2
    assert sum(text.lower().startswith("i have a question about ") for text in made) >= 1


def test_a_word_that_is_not_known_stays() -> None:
    made = near().questions("How do I check F-skatt?", "On the site.", 6, random.Random(0))
    assert made
    assert all("skatt" in text or "check" in text for text in made)


@given(texts, texts, st.integers(0, 12))
def test_it_is_another_question_that_gives_no_number_away(question: str, answer: str, count: int) -> None:
    made = near().questions(question, answer, count, random.Random(0))
    assert len(made) == len(set(made)) <= count
    assert question not in made
    assert made == near().questions(question, answer, count, random.Random(0))
    for text in made:
        assert text.strip(" ?")
        assert set(re.findall(r"\d+", text)) <= set(re.findall(r"\d+", question))


def test_without_an_embedder_none_are_made() -> None:
    assert made_of([row("a")], wordings=0, near_words=4).rows == ()


def test_a_run_makes_them_and_the_next_one_reads_no_words_again(write_spec: SpecWriter, encoder: Path) -> None:
    train = [row("a", "how long does the permit take", "ten weeks")]
    made = []
    for name in ("one", "two"):
        spec = write_spec(train, name=name, augmentation={"near_words": 3}, embedder=str(encoder), epochs=1)
        status, events = run(spec)
        assert status == 0
        made.append(events[-1]["augmentation"])
    assert made[0]["rows"]["near_words"] + sum(made[0]["refused"].values()) == 3
    assert made[0] == made[1]


def test_vectors_are_read_once(encoder: Path, tmp_path: Path) -> None:
    embedder = Embedder(str(encoder))
    first = near_words(embedder, tmp_path)
    embedder.embed = None  # type: ignore[method-assign, assignment]  # it would fail where it is called
    again = near_words(embedder, tmp_path)
    assert again.words == first.words == ["building", "permit", "long", "take", "ten", "weeks", "roof"]
