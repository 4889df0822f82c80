"""Splits are for good: what belongs together stays together, and no test item is ever trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from assistant.finetuning import grouping
from assistant.finetuning.candidates import Candidate
from assistant.finetuning.near_duplicates import are_near, pairs, plain
from tests.assistant.learning import candidate

SALT = "salt"

# Questions with near duplicates among them, answers that some share, bundles and people: so that anything may hang
# together with anything.
STEMS = [f"How do I change the {thing} of my account in the settings page" for thing in ("name", "plan", "picture")]
QUESTIONS = [stem + end for stem in STEMS for end in ("?", " now?", " today, please?", " and my language?")]
ANSWERS = [f"Open the settings page and choose number {number} there." for number in range(4)] + ["Yes."]
PEOPLE = [UUID(int=number) for number in range(12)]

rows = st.builds(
    lambda question, answer, bundle, person: (question, answer, bundle, person),
    st.sampled_from(QUESTIONS),
    st.sampled_from(ANSWERS),
    st.sampled_from(["", "a", "b", "c"]),
    st.sampled_from([None, *PEOPLE]),
)


def made(row: tuple[str, str, str, UUID | None], id_: UUID | None = None) -> Candidate:
    question, answer, bundle, person = row
    built = candidate(question, answer, origin="x", origin_group=bundle, id=id_)
    return replace(built, person_id=person)


def are_linked(one: Candidate, other: Candidate) -> bool:
    """What belongs together, said again and by itself."""
    same_answer = plain(one.target) == plain(other.target) and len(plain(one.target)) >= 20
    same_question = one.question == other.question or bool(list(pairs([one.question, other.question])))
    return same_question or same_answer or bool(one.bundle and one.bundle == other.bundle)


def settled(assignment: grouping.Assignment, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates as the next plan finds them: with the places that this one gave."""
    return [
        replace(row, **dict(zip(("group", "split"), assignment.placed[row.id], strict=True)))
        if row.id in assignment.placed
        else row
        for row in candidates
    ]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(rows, min_size=1, max_size=6), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_in_whatever_order_examples_come_none_changes_its_split_and_no_link_crosses_one(
    arrivals: list[list[tuple[str, str, str, UUID | None]]], random
) -> None:
    present: list[Candidate] = []
    ever: dict[UUID, str] = {}
    for arrival in arrivals:
        present += [made(row) for row in arrival]
        random.shuffle(present)  # approved in another order than written
        # Some are held, or not consented to, for now: if they have a split, it still counts for what is like them.
        here = [row for row in present if row.split or random.random() < 0.8]

        assignment = grouping.assign(here, SALT)

        for id_, (_, split) in assignment.placed.items():
            assert ever.setdefault(id_, split) == split
        assert {row.id for row in here if row.split} <= set(assignment.placed)
        present = settled(assignment, present)
    placed = [row for row in present if row.id in ever]
    for at, one in enumerate(placed):
        for other in placed[:at]:
            if are_linked(one, other):
                assert (one.group, one.split) == (other.group, other.split)


@settings(max_examples=100, deadline=None)
@given(st.lists(rows, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_looked_at_means_nothing(
    drawn: list[tuple[str, str, str, UUID | None]], random
) -> None:
    candidates = [made(row) for row in drawn]
    first = grouping.assign(candidates, SALT)
    random.shuffle(candidates)

    assert grouping.assign(candidates, SALT) == first


def alone(split: str, how_many: int) -> list[Candidate]:
    """Examples that nothing links, and that fall into this split."""
    found: list[Candidate] = []
    number = 0
    while len(found) < how_many:
        number += 1
        row = made((sha256(str(number).encode()).hexdigest(), "Yes.", f"bundle {number}", None))
        if grouping.assign([row], SALT).placed[row.id][1] == split:
            found.append(row)
    return found


def between(one: Candidate, other: Candidate) -> Candidate:
    """One with the question of the one and in the bundle of the other."""
    return replace(made(("", "Yes.", "", None)), question=one.question, bundle=other.bundle)


def test_what_links_a_test_group_to_a_training_group_is_in_neither() -> None:
    (train,), (test,) = alone("train", 1), alone("test", 1)
    rows = settled(grouping.assign([train, test], SALT), [train, test])
    bridge = between(train, test)

    assignment = grouping.assign([*rows, bridge], SALT)

    assert assignment.refused == {bridge.id: "bridges_splits"}
    assert [assignment.placed[row.id][1] for row in rows] == ["train", "test"]


def test_what_links_two_training_groups_makes_one_of_them() -> None:
    one, other = alone("train", 2)
    apart = grouping.assign([one, other], SALT)
    assert apart.placed[one.id][0] != apart.placed[other.id][0]
    bridge = between(one, other)

    placed = grouping.assign([*settled(apart, [one, other]), bridge], SALT).placed

    assert len({placed[row.id] for row in (one, other, bridge)}) == 1


def test_shares_are_as_promised_and_another_salt_shares_out_otherwise() -> None:
    groups = [f"group {number}" for number in range(5_000)]

    shares = Counter(grouping.split_of(group, SALT) for group in groups)

    assert shares["train"] / 5_000 == pytest.approx(0.7, abs=0.03)
    assert shares["dev"] / 5_000 == pytest.approx(0.1, abs=0.02)
    assert shares["test"] / 5_000 == pytest.approx(0.2, abs=0.03)
    assert any(grouping.split_of(group, SALT) != grouping.split_of(group, "other") for group in groups)


def test_one_person_in_ten_is_tested_on_and_never_trained_on() -> None:
    people = [UUID(int=number) for number in range(1, 5_001)]
    held_out = [person for person in people if grouping.is_held_out(person, SALT)]
    assert len(held_out) / 5_000 == pytest.approx(0.1, abs=0.02)

    def asked_by(people: list[UUID]) -> list[Candidate]:
        return [made((sha256(person.bytes).hexdigest(), "Yes.", "", person)) for person in people]

    crowd = asked_by(people[:10])
    rows = asked_by(held_out[:60])
    placed = grouping.assign([*crowd, *rows], SALT).placed
    assert {placed[row.id][1] for row in rows} == {"test"}

    # Too few to hold anybody out; and who was learned from then is not held out later.
    alone = settled(grouping.assign(rows[:9], SALT), rows[:9])
    assert "train" in {row.split for row in alone}
    again = [replace(row, id=uuid7(), group="", split="") for row in alone]
    placed = grouping.assign([*crowd, *alone, *again], SALT).placed
    assert [placed[row.id][1] for row in again] == [row.split for row in alone]


def test_a_short_question_means_something_only_with_the_one_before() -> None:
    def asked(*texts: str) -> Candidate:
        turns = [{"role": "user", "content": text} for text in texts]
        return candidate("", "Because it is so.", prompt=turns)

    assert asked("Where do rivers end?", "Why?").question == "where do rivers end why"
    assert asked("Where do rivers end?", "And where do they begin?").question == "and where do they begin"
    assert asked("Why?").question == "why"


def test_near_duplicates_are_pairs_of_a_similarity_of_at_least_four_fifths() -> None:
    texts = [plain(question) for question in QUESTIONS]

    found = set(pairs(texts))

    def grams(text: str) -> set[str]:
        return {text[at : at + 3] for at in range(len(text) - 2)}

    expected = {
        (one, other)
        for one in texts
        for other in texts
        if one < other and len(grams(one) & grams(other)) / len(grams(one) | grams(other)) >= 0.8
    }
    assert found == expected
    assert 0 < len(found) < len(texts) * (len(texts) - 1) / 2


def test_numbers_and_names_in_capitals_make_a_difference() -> None:
    rut = "The RUT deduction covers half of the cost of the work, up to a limit that is set for each year."
    assert are_near(rut, rut.lower().replace("rut", "RUT"))
    assert not are_near(rut, rut.replace("RUT", "ROT"))
    assert not are_near(
        "It costs 100 kronor for each started hour of work", "It costs 900 kronor for each started hour of work"
    )


def test_chinese_questions_are_near_each_other_too() -> None:
    one, other, third = (
        candidate(question, "")
        for question in (
            "请问我该怎样修改账户的登录密码呢？",
            "请问我该怎样修改账户的登录密码？",
            "潮水为什么一天涨两次？",
        )
    )

    assert are_linked(one, other)
    assert not are_linked(one, third)


def test_ids_are_in_the_order_of_time() -> None:
    ids = [uuid7() for _ in range(1_000)]

    assert ids == sorted(ids)
