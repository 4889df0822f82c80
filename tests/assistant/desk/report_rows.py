"""Four weeks of a shop's conversations, for the reports: the same at every run, and written once."""

from __future__ import annotations

import random
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from assistant.desk import handoff
from assistant.models import Case, Generation, HandoffEvent, Passage, Person, Site, Surge, Turn
from tests.assistant.desk import rows

QUESTIONS = ("Where is my parcel?", "How do I send something back?", "When do you open?")
DAYS = 28


def write() -> Site:
    if found := Site.objects.filter(name="Shop").first():
        return found
    chance, now = random.Random(7), timezone.now()
    shop = rows.site()
    dora = rows.agent("dora", shop.team)
    passages = [_passage(question) for question in QUESTIONS]
    for day in range(DAYS):
        for _ in range(chance.randint(1, 4)):
            _case(shop, dora, passages, chance, now - timedelta(days=day, minutes=chance.randint(1, 600)))
    Surge.objects.create(site=shop, day=now.date() - timedelta(days=2), negative=9, conversations=11, usual=0.14)
    return shop


def _passage(question: str) -> Passage:
    from assistant.knowledge.actions import passage

    row = passage(question, "An answer.", source=Passage.Source.STAFF)
    row.save()
    return row


@transaction.atomic
def _case(shop: Site, dora: Person, passages: list[Passage], chance: random.Random, at: object) -> None:
    """At once, before a worker of a started product reads what was asked."""
    visitor = rows.visitor(shop)
    topic = chance.choice([*passages, None])
    asked = rows.say(visitor, topic.question if topic else "Why is the sky blue?")
    Generation.objects.filter(pk=asked.generation_id).update(state="completed", finished_at=at)
    is_handed = chance.random() < 0.4
    if is_handed:
        handoff.ask_for_person(asked.conversation_id)
        rows.reply(dora, asked.conversation_id)
    if chance.random() < 0.8:
        handoff.resolve(dora.pk, asked.conversation_id)
    HandoffEvent.objects.filter(case=asked.conversation_id).update(at=at)
    wait = timedelta(minutes=chance.randint(1, 40))
    Case.objects.filter(pk=asked.conversation_id).update(
        created_at=at,
        first_reply_at=at + wait if is_handed else None,  # type: ignore[operator]
        satisfaction=chance.choice([None, 2, 4, 5, 5]),
    )
    mood = chance.uniform(-0.8, 0.9)
    Turn.objects.create(
        message_id=asked.message_id, case_id=asked.conversation_id, sentiment=mood, passage=topic, at=at
    )
