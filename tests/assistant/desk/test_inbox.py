"""The inbox lists what an agent may see, by whose it is and how it stands."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from assistant.accounts import actions as accounts
from assistant.desk import casework, handoff, inbox, wording
from assistant.errors import AssistantError
from assistant.models import Conversation, Message, Note, Person, Site, Visitor
from tests.assistant.desk import rows
from tests.assistant.desk.rows import answered, reply, say


def ids(agent: Person, **of: object) -> list[UUID]:
    return [case.id for case in inbox.cases(agent, **of).items]  # type: ignore[arg-type]


def waiting(visitor: Visitor, text: str = "Where is my order?") -> UUID:
    asked = say(visitor, text)
    handoff.ask_for_person(asked.conversation_id)
    return asked.conversation_id


def test_each_filter_shows_its_own(visitor: Visitor, dora: Person, eve: Person) -> None:
    with_assistant, waits, of_dora, of_eve, over, later = (
        say(visitor).conversation_id if not n else waiting(visitor, f"Question {n}") for n in range(6)
    )
    reply(dora, of_dora)
    reply(eve, of_eve)
    handoff.resolve(eve.id, over)
    casework.snooze(dora.id, later, timezone.now() + timedelta(hours=1))

    assert set(ids(dora)) == {waits, of_dora, of_eve}
    assert ids(dora, whose="mine") == [of_dora]
    assert ids(dora, whose="unassigned") == [waits]
    assert ids(dora, status="waiting") == [waits]
    assert ids(dora, status="assistant") == [with_assistant]
    assert ids(dora, status="resolved") == [over]
    assert ids(dora, status="snoozed") == [later]
    assert len(ids(dora, status=None)) == 6
    counted = inbox.overview(dora).counts
    assert (counted["mine.open"], counted["unassigned.open"], counted["all.open"]) == (1, 1, 3)
    assert (counted["all.waiting"], counted["all.snoozed"]) == (1, 1)


def test_another_team_sees_nothing_and_an_administrator_all(visitor: Visitor, mallory: Person, bob: Person) -> None:
    case = waiting(visitor, "A secret")
    accounts.set_role(bob, Person.Role.ADMIN)

    assert ids(mallory, status=None) == ids(mallory, status=None, text="secret") == []
    assert inbox.overview(mallory).counts["all.open"] == 0
    with pytest.raises(AssistantError, match=r"desk\.not_found"):
        inbox.case_view(mallory, case)
    assert ids(bob) == [case]


def test_whoever_has_waited_longest_comes_first(visitor: Visitor, dora: Person) -> None:
    first, second, third = (waiting(visitor, f"Question {n}") for n in range(3))
    reply(dora, second)

    assert ids(dora, order="waiting") == [first, third, second]
    assert ids(dora, order="newest") == [second, third, first]


@pytest.mark.parametrize("order", ["newest", "waiting"])
def test_pages_follow_one_another_without_gap_or_repetition(visitor: Visitor, dora: Person, order: str) -> None:
    all_of_them = {waiting(visitor, f"Question {n}") for n in range(7)}
    reply(dora, next(iter(all_of_them)))
    seen: list[UUID] = []
    cursor = None
    while True:
        page = inbox.cases(dora, order=order, cursor=cursor, limit=3)  # type: ignore[arg-type]
        seen += [case.id for case in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == 7
    assert set(seen) == all_of_them
    with pytest.raises(AssistantError, match=r"page\.invalid_cursor"):
        inbox.cases(dora, cursor="tomorrow_maybe")


def test_words_find_what_was_said_and_who_said_it_but_no_draft(shop: Site, dora: Person) -> None:
    ann = rows.visitor(shop)
    Visitor.objects.filter(pk=ann.pk).update(name="Ann Lee", email="ann@example.com")
    asked = say(ann, "My lamp flickers, 灯坏了")
    handoff.take(dora.id, asked.conversation_id)
    answered(asked.generation_id, "Seahorses")
    reply(dora, asked.conversation_id, "Try another socket.")
    say(rows.visitor(shop), "Something else")

    for words in ("flickers", "another socket", "灯坏", "Ann", "ann@ex"):
        assert ids(dora, status=None, text=words) == [asked.conversation_id]
    assert ids(dora, status=None, text="Seahorses") == []
    assert ids(dora, status=None, text="…") == []


def test_it_is_unread_until_it_was_looked_at_and_again_with_the_next_message(
    visitor: Visitor, dora: Person, eve: Person
) -> None:
    case = waiting(visitor)
    assert inbox.case_view(dora, case).is_unread
    casework.mark_read(dora.id, case)
    assert not inbox.case_view(dora, case).is_unread
    assert inbox.case_view(eve, case).is_unread
    say(visitor, "Hello?", case)
    assert inbox.case_view(dora, case).is_unread
    reply(dora, case)
    assert not inbox.case_view(dora, case).is_unread


def test_a_message_of_the_visitor_ends_the_snooze(visitor: Visitor, dora: Person) -> None:
    case = waiting(visitor)
    casework.snooze(dora.id, case, timezone.now() + timedelta(hours=1))
    say(visitor, "Hello?", case)

    assert ids(dora) == [case]
    with pytest.raises(AssistantError, match=r"desk\.invalid_time"):
        casework.snooze(dora.id, case, timezone.now())


def test_a_case_is_given_to_members_only_and_put_back_to_wait(
    visitor: Visitor, dora: Person, eve: Person, mallory: Person
) -> None:
    case = waiting(visitor)
    handoff.take(dora.id, case)
    casework.assign(dora.id, case, eve.id)
    assert ids(eve, whose="mine") == [case]
    with pytest.raises(AssistantError, match=r"desk\.not_an_agent"):
        casework.assign(dora.id, case, mallory.id)

    casework.assign(eve.id, case, None)
    assert Conversation.objects.get(pk=case).mode == "waiting"
    assert ids(eve, whose="unassigned", status="waiting") == [case]


def test_notes_stay_among_agents_and_mentions_find_their_case(
    visitor: Visitor, dora: Person, eve: Person, mallory: Person
) -> None:
    case = waiting(visitor)
    casework.add_note(dora.id, case, "Eve, do you know him?", [eve.id])

    assert ids(eve, whose="mentioned") == [case]
    assert ids(dora, whose="mentioned") == []
    with pytest.raises(AssistantError, match=r"desk\.not_an_agent"):
        casework.add_note(dora.id, case, "Mallory?", [mallory.id])
    assert Note.objects.count() == 1
    assert not Message.objects.filter(text__contains="Eve").exists()


def test_labels_and_prepared_texts_are_a_teams_own(visitor: Visitor, dora: Person, mallory: Person) -> None:
    team = Site.objects.get(name="Shop").team
    case = waiting(visitor)
    label = wording.add_label(dora, team.pk, "Delivery")
    casework.set_labels(dora.id, case, [label.pk])
    greeting = wording.set_canned_reply(dora, team.pk, "hello", "Hello, how can I help?")
    wording.set_canned_reply(dora, team.pk, "hello", "Good day!", greeting.pk)

    assert inbox.case_view(dora, case).labels == ["Delivery"]
    assert ids(dora, label_id=label.pk) == [case]
    assert [row.text for row in wording.canned_replies_of(dora)] == ["Good day!"]
    assert not wording.labels_of(mallory).exists()
    with pytest.raises(AssistantError, match=r"desk\.name_taken"):
        wording.add_label(dora, team.pk, "Delivery")
    with pytest.raises(AssistantError, match=r"desk\.invalid_shortcut"):
        wording.set_canned_reply(dora, team.pk, "two words", "Hello")
    with pytest.raises(AssistantError, match=r"desk\.not_found"):
        wording.add_label(mallory, team.pk, "Mine")
    with pytest.raises(AssistantError, match=r"desk\.unknown_label"):
        casework.set_labels(dora.id, case, [uuid7()])
    wording.remove_label(mallory, label.pk)
    assert inbox.case_view(dora, case).labels == ["Delivery"]
