"""What is guessed is what followed most often, by the longest context that says something else than shorter ones."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.drafting.conversing import Answer
from inference.drafting.counting import DOUBT, LEAST_CHANCE, LEAST_TIMES, Counting, share_right
from inference.serving.drafts import MOST_TOKENS, STEPS, Drafts

PROMPT = (1, 2, 3, 4, 5, 6)


def answer(*token_ids: int, likeliest: tuple[int, ...] = ()) -> Answer:
    return Answer(PROMPT, token_ids, likeliest or token_ids)


def counted(*answers: Answer) -> Drafts:
    counting = Counting()
    for each in answers:
        counting.add(each)
    return counting.drafts()


def guessed(drafts: Drafts, history: Sequence[int]) -> int | None:
    draft = drafts.guess(history)
    return draft and draft[0]


def test_what_followed_most_often_is_guessed() -> None:
    drafts = counted(answer(40, 41, 7), answer(40, 41, 7), answer(40, 41, 9))
    assert guessed(drafts, [40, 41]) == 7
    assert guessed(drafts, [99, 40]) == 41
    assert drafts.guess([99, 98]) is None
    assert drafts.guess([]) is None


def test_what_was_held_likeliest_counts_and_not_what_was_drawn() -> None:
    drawn = answer(40, 41, 9, likeliest=(40, 41, 7))
    assert guessed(counted(drawn, drawn), [40, 41]) == 7


def test_an_answer_begins_after_its_prompt() -> None:
    assert guessed(counted(answer(40, 41), answer(40, 42)), PROMPT) == 40


def test_what_was_met_once_is_no_habit() -> None:
    assert counted(answer(40, 41)).guess([40]) is None


def test_a_longer_context_is_asked_where_it_says_something_else() -> None:
    # After 40 mostly comes 41, after 50 40 always 60.
    drafts = counted(*[answer(30, 40, 41)] * 5, *[answer(50, 40, 60)] * 3)
    assert guessed(drafts, [8, 9, 40]) == 41
    assert guessed(drafts, [8, 50, 40]) == 60


def test_a_longer_context_that_was_hardly_met_is_not_asked_against_a_sure_shorter_one() -> None:
    drafts = counted(*[answer(40, 41)] * 20, answer(50, 40, 60), answer(50, 40, 61), answer(50, 40, 62))
    assert guessed(drafts, [50, 40]) == 41


def test_a_chance_is_the_smaller_the_less_was_met() -> None:
    seldom, often = (counted(*[answer(40, 41)] * times, answer(1, 2, 3, 4)).guess([40]) for times in (2, 20))
    assert seldom
    assert often
    assert seldom[1] < often[1] < 1.0


def test_a_longer_context_that_says_the_same_is_not_kept() -> None:
    one = counted(*[answer(40, 41)] * 20)
    assert len(counted(*[answer(40, 41)] * 20, *[answer(50, 40, 41)] * 20)) <= len(one) + 4
    assert guessed(one, [50, 40]) == 41


def times(texts: Sequence[Sequence[int]], context: Sequence[int]) -> list[int]:
    """What followed `context` in the answers."""
    size = len(context)
    return [
        text[at]
        for text in texts
        for at in range(len(PROMPT), len(text))
        if tuple(text[at - size : at]) == tuple(context)
    ]


def chance(texts: Sequence[Sequence[int]], context: Sequence[int], token: int) -> float:
    followed = times(texts, context)
    if not context:
        return followed.count(token) / len(followed)
    return (followed.count(token) + DOUBT * chance(texts, context[1:], token)) / (len(followed) + DOUBT)


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=30), min_size=1, max_size=5),
    st.lists(st.integers(0, 3), min_size=1, max_size=6),
)
def test_the_table_says_what_plain_counting_says(replies: list[list[int]], history: list[int]) -> None:
    """Whichever context is asked: its likeliest follower, where several are so any of them, and the chance of that."""
    texts = [(*PROMPT, *reply) for reply in replies]
    best: list[dict[int, float]] = []  # the chance of what is likeliest after each context that was met often enough
    for size in range(1, min(MOST_TOKENS, len(history)) + 1):
        context = history[-size:]
        followed = times(texts, context)
        if len(followed) >= LEAST_TIMES:
            chances = {token: chance(texts, context, token) for token in set(followed)}
            best.append({token: own for token, own in chances.items() if own > max(chances.values()) - 1e-9})
    draft = counted(*(answer(*reply) for reply in replies)).guess(history)
    if draft is None:
        assert not best or max(best[0].values()) < LEAST_CHANCE
    else:
        assert draft[1] in [pytest.approx(own[draft[0]], abs=1.01 / STEPS) for own in best if draft[0] in own]


def test_it_is_told_how_often_guesses_are_right() -> None:
    drafts = counted(answer(40, 41), answer(40, 41))
    assert share_right(drafts, [answer(40, 41, 7, 8)]) == 0.5
    assert share_right(drafts, []) == 0.0
