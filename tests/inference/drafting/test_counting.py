"""What is guessed is what followed most often, by the longest context that is surer than all shorter ones."""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from inference.drafting.conversing import Answer
from inference.drafting.counting import DOUBT, LEAST_CHANCE, LEAST_TIMES, Counting, share_right
from inference.serving.drafts import MOST_TOKENS, Drafts

PROMPT = (1, 2, 3, 4, 5, 6)


def answer(*token_ids: int, likeliest: tuple[int, ...] = ()) -> Answer:
    return Answer(PROMPT, token_ids, likeliest or token_ids)


def counted(*answers: Answer) -> Drafts:
    counting = Counting()
    for each in answers:
        counting.add(each)
    return counting.drafts()


def test_what_followed_most_often_is_guessed() -> None:
    drafts = counted(answer(40, 41, 7), answer(40, 41, 7), answer(40, 41, 9))
    assert drafts.guess([40, 41]) == 7
    assert drafts.guess([99, 40]) == 41
    assert drafts.guess([99, 98]) is None
    assert drafts.guess([]) is None


def test_what_was_held_likeliest_counts_and_not_what_was_drawn() -> None:
    drawn = answer(40, 41, 9, likeliest=(40, 41, 7))
    assert counted(drawn, drawn).guess([40, 41]) == 7


def test_an_answer_begins_after_its_prompt() -> None:
    assert counted(answer(40, 41), answer(40, 42)).guess(PROMPT) == 40


def test_what_was_met_once_is_no_habit() -> None:
    assert counted(answer(40, 41)).guess([40]) is None


def test_a_longer_context_is_asked_where_it_is_surer() -> None:
    # After 40 mostly comes 41, after 50 40 always 60.
    drafts = counted(*[answer(30, 40, 41)] * 5, *[answer(50, 40, 60)] * 3)
    assert drafts.guess([8, 9, 40]) == 41
    assert drafts.guess([8, 50, 40]) == 60


def test_a_longer_context_that_is_less_sure_is_not_asked() -> None:
    drafts = counted(*[answer(40, 41)] * 20, answer(50, 40, 60), answer(50, 40, 61), answer(50, 40, 62))
    assert drafts.guess([50, 40]) == 41


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=30), min_size=1, max_size=5),
    st.lists(st.integers(0, 3), min_size=1, max_size=6),
)
def test_the_table_says_what_plain_counting_says(replies: list[list[int]], history: list[int]) -> None:
    """Where two tokens followed equally often either may be guessed."""
    followers: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for reply in replies:
        text = (*PROMPT, *reply)
        for at in range(len(PROMPT), len(text)):
            for size in range(1, MOST_TOKENS + 1):
                followers[text[at - size : at]][text[at]] += 1
    surest, expected = 0.0, set()
    for size in range(1, min(MOST_TOKENS, len(history)) + 1):
        counts = followers[tuple(history[-size:])]
        most = max(counts.values(), default=0)
        chance = most / (counts.total() + DOUBT)
        if counts.total() >= LEAST_TIMES and chance >= LEAST_CHANCE and chance > surest:
            surest, expected = chance, {token for token, times in counts.items() if times == most}
    guess = counted(*(answer(*reply) for reply in replies)).guess(history)
    assert guess in expected if expected else guess is None


def test_it_is_told_how_often_guesses_are_right() -> None:
    drafts = counted(answer(40, 41), answer(40, 41))
    assert share_right(drafts, [answer(40, 41, 7, 8)]) == 0.5
    assert share_right(drafts, []) == 0.0
