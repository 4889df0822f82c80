"""Two answers side by side: the better one is what the conversation goes on from."""

from __future__ import annotations

import pytest

from assistant.chat import actions, branches
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.feedback import comparisons
from assistant.models import Comparison, Conversation, Generation, Person
from tests.assistant.rows import finish
from tests.conftest import ask

Verdict = Comparison.Verdict


@pytest.fixture
def again(alice: Person, asked: Accepted) -> Accepted:
    """The second answer to alice's question, which has taken the place of the first on the page."""
    finish(asked, "Left")
    second = actions.regenerate(alice.id, asked.reply_id)
    finish(second, "Right")
    return second


def visible(person: Person) -> list[str]:
    return [message.text for message in branches.visible_path(person.id, Conversation.objects.get()).items]


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [(Verdict.LEFT, "Left"), (Verdict.RIGHT, "Right"), (Verdict.TIE, "Left"), (Verdict.NEITHER, "Left")],
)
def test_the_better_answer_is_shown_and_without_one_the_first_stays(
    alice: Person, asked: Accepted, again: Accepted, verdict: Verdict, shown: str
) -> None:
    comparisons.vote(alice.id, asked.reply_id, again.reply_id, verdict)

    assert visible(alice) == ["Hello", shown]
    assert comparisons.verdict_on(alice.id, asked.reply_id, again.reply_id) == verdict


def test_a_branch_that_is_shown_already_is_not_left_for_its_newest_leaf(
    alice: Person, asked: Accepted, again: Accepted
) -> None:
    older = ask(alice, "Older", conversation_id=asked.conversation_id, parent_id=asked.reply_id)
    finish(older, "Old")
    finish(ask(alice, "Newer", conversation_id=asked.conversation_id, parent_id=asked.reply_id), "New")
    actions.look_at_branch(alice.id, asked.conversation_id, older.message_id)

    comparisons.vote(alice.id, asked.reply_id, again.reply_id, Verdict.LEFT)

    assert visible(alice) == ["Hello", "Left", "Older", "Old"]


def test_a_vote_can_be_changed_and_taken_back(alice: Person, asked: Accepted, again: Accepted) -> None:
    comparisons.vote(alice.id, asked.reply_id, again.reply_id, Verdict.LEFT)
    comparisons.vote(alice.id, asked.reply_id, again.reply_id, Verdict.RIGHT)
    assert Comparison.objects.get().verdict == "right"

    comparisons.withdraw(alice.id, asked.reply_id, again.reply_id)

    assert comparisons.verdict_on(alice.id, asked.reply_id, again.reply_id) is None
    assert visible(alice) == ["Hello", "Right"]


def test_a_pair_has_one_verdict_whichever_way_round_it_is_shown(
    alice: Person, asked: Accepted, again: Accepted
) -> None:
    comparisons.vote(alice.id, asked.reply_id, again.reply_id, Verdict.LEFT)
    assert comparisons.verdict_on(alice.id, again.reply_id, asked.reply_id) == Verdict.RIGHT

    comparisons.vote(alice.id, again.reply_id, asked.reply_id, Verdict.TIE)

    assert Comparison.objects.count() == 1
    assert comparisons.verdict_on(alice.id, asked.reply_id, again.reply_id) == Verdict.TIE


@pytest.mark.parametrize("state", [Generation.State.RUNNING, Generation.State.QUEUED, Generation.State.FAILED])
def test_an_answer_that_is_not_whole_cannot_be_judged(
    alice: Person, asked: Accepted, again: Accepted, state: Generation.State
) -> None:
    Generation.objects.filter(pk=again.generation_id).update(state=state)

    with pytest.raises(AssistantError, match=r"comparison\.unfinished"):
        comparisons.vote(alice.id, asked.reply_id, again.reply_id, Verdict.LEFT)
    assert not Comparison.objects.exists()


def test_answers_that_were_not_written_here_can_be_judged(alice: Person, asked: Accepted, again: Accepted) -> None:
    Generation.objects.all().delete()

    comparisons.vote(alice.id, asked.reply_id, again.reply_id, Verdict.RIGHT)

    assert visible(alice) == ["Hello", "Right"]


def test_only_answers_to_the_same_question_can_be_compared(alice: Person, asked: Accepted, again: Accepted) -> None:
    other = ask(alice, "Something else")
    finish(other, "Hi")

    for left, right in [
        (asked.reply_id, asked.reply_id),
        (asked.reply_id, other.reply_id),
        (asked.message_id, other.message_id),
    ]:
        with pytest.raises(AssistantError, match=r"comparison\.invalid"):
            comparisons.vote(alice.id, left, right, Verdict.TIE)
