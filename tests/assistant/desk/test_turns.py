"""What visitors write is read once by a worker: how it sounds, and which approved answer is nearest. More anger than
chance explains is told."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest
from django.utils import timezone

from assistant.desk import surges
from assistant.desk.sentiment import NEGATIVE, sentiment_of
from assistant.desk.turns import first_id_of, read_some
from assistant.knowledge import actions as knowledge
from assistant.knowledge.library import Library
from assistant.models import Case, Delivery, Passage, Person, Site, Surge, Turn, Visitor, Webhook
from inference.serving.retrieval import LocalRetriever
from tests.assistant.desk.rows import answered, reply, say
from tests.conftest import ask

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("This is terrible, I want my money back!!!", -1),
        ("Great, thank you so much", 1),
        ("Where is my order?", 0),
        ("I am not happy with this at all", -1),
        ("你们的服务太差了，我要投诉", -1),
        ("非常满意，谢谢", 1),
        ("不满意", -1),
        ("我不喜欢这个", -1),
        ("我的订单在哪里？", 0),
        ("¿Dónde está mi pedido?", 0),
        ("", 0),
        ("😢", -1),
    ],
)
def test_a_text_sounds_content_or_not(text: str, sign: int) -> None:
    mood = sentiment_of(text)

    assert -1 <= mood <= 1
    assert (mood > 0) - (mood < 0) == sign


def library() -> Library:
    made = Library(LocalRetriever("scripted:"))
    made.start()
    for _ in range(5):
        made.refresh()
    return made


def test_a_visitors_message_is_read_once(visitor: Visitor, dora: Person, alice: Person, bob: Person) -> None:
    knowledge.add(bob.id, "Where is my order", "On its way.")
    asked = say(visitor, "Where is my order?")
    answered(asked.generation_id)
    say(visitor, "You are the worst shop ever, I hate you", asked.conversation_id)
    reply(dora, asked.conversation_id, "I am so sorry, this is terrible.")
    ask(alice, "I hate this")  # no visitor
    since = timezone.now() - timedelta(days=1)

    assert len(read_some(since, library())) == 2
    assert read_some(since, library()) == []
    first, second = Turn.objects.order_by("at")
    assert (first.sentiment, first.passage) == (0, Passage.objects.get())
    assert second.sentiment < NEGATIVE
    assert second.passage is None
    assert first.case == Case.objects.get()


def test_without_approved_answers_there_is_no_topic_and_what_is_too_old_stays_unread(visitor: Visitor) -> None:
    say(visitor)

    assert read_some(timezone.now() + timedelta(seconds=1), None) == []
    assert len(read_some(timezone.now() - timedelta(days=1), None)) == 1
    assert Turn.objects.get().passage is None


def test_a_topic_goes_with_the_answer_it_is_named_after(visitor: Visitor, bob: Person) -> None:
    knowledge.add(bob.id, "Where is my order", "On its way.")
    say(visitor, "Where is my order?")
    read_some(timezone.now() - timedelta(days=1), library())
    Passage.objects.all().delete()

    assert Turn.objects.get().passage is None


def test_ids_begin_with_their_time(visitor: Visitor) -> None:
    before = first_id_of(timezone.now())
    say(visitor)
    Turn.objects.all().delete()

    assert before <= Case.objects.get().pk < first_id_of(timezone.now() + timedelta(milliseconds=2))


def test_evidence_is_the_likelihood_averaged_over_all_worse_shares() -> None:
    """By a sum over a fine grid, which is how one would do it without knowing of beta functions."""
    for negative, conversations, usual in ((0, 5, 0.1), (3, 4, 0.2), (7, 40, 0.1), (25, 30, 0.5)):
        steps = 2_000
        shares = [usual + (1 - usual) * (at + 0.5) / steps for at in range(steps)]
        ratios = ((p / usual) ** negative * ((1 - p) / (1 - usual)) ** (conversations - negative) for p in shares)
        assert surges.e_value(negative, conversations, usual) == pytest.approx(sum(ratios) / steps, rel=1e-3)


def test_content_visitors_are_seldom_taken_for_angry_ones_however_often_one_looks() -> None:
    """At most one of 365 days; here 4,000 days are looked at after each of 60 conversations."""
    chance, e_value = random.Random(1), cache(surges.e_value)
    alarms = 0
    for _ in range(4000):
        negative = 0
        for conversations in range(1, 61):
            negative += chance.random() < 0.15
            if e_value(negative, conversations, 0.15) >= surges.THRESHOLD:
                alarms += 1
                break

    assert alarms <= 4000 / 365 + 3 * (4000 / 365) ** 0.5


def test_ten_angry_of_twelve_are_a_surge_where_one_of_ten_is_usual() -> None:
    assert surges.e_value(10, 12, surges.at_most(10, 100)) > surges.THRESHOLD
    assert surges.e_value(3, 12, surges.at_most(10, 100)) < surges.THRESHOLD


def past(visitor: Visitor, days_ago: int, moods: list[float]) -> None:
    for mood in moods:
        asked = say(visitor)
        at = datetime(2026, 3, 2, 12, tzinfo=UTC) - timedelta(days=days_ago)
        Turn.objects.create(message_id=asked.message_id, case_id=asked.conversation_id, sentiment=mood, at=at)


def test_a_surge_is_told_once_a_day_and_never_without_anything_to_compare_with(shop: Site, visitor: Visitor) -> None:
    Webhook.objects.create(site=shop, url="https://hooks.example/", secret="x", events=["sentiment.surge"])
    past(visitor, 0, [-0.9] * 12)
    assert surges.look(shop.pk, TODAY) is None

    past(visitor, 3, [0.1] * 28 + [-0.5] * 2)
    assert surges.look(shop.pk, TODAY) is not None
    assert surges.look(shop.pk, TODAY) is None
    assert surges.look(shop.pk, TODAY - timedelta(days=3)) is None

    row = Surge.objects.get()
    assert (row.negative, row.conversations) == (12, 12)
    assert 0.06 < row.usual < 0.25
    assert Delivery.objects.get().payload["data"]["negative"] == 12


def test_one_angry_visitor_is_no_surge(shop: Site, visitor: Visitor) -> None:
    past(visitor, 3, [0.1] * 40)
    asked = say(visitor)
    for _ in range(20):
        again = say(visitor, "Bad", asked.conversation_id) if Turn.objects.count() > 40 else asked
        at = datetime(2026, 3, 2, 12, tzinfo=UTC)
        Turn.objects.create(message_id=again.message_id, case_id=asked.conversation_id, sentiment=-0.9, at=at)
        Case.objects.get(pk=asked.conversation_id).conversation.generations.update(state="completed")

    assert surges.look(shop.pk, TODAY) is None
