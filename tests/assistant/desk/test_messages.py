"""What visitors and agents say is stored once, told to those who may know, and indexed for the one whose it is."""

from __future__ import annotations

import pytest
from uuid_utils.compat import uuid7

from assistant.chat import branches, context, erasure
from assistant.desk import handoff, messages
from assistant.errors import AssistantError
from assistant.models import (
    Attachment,
    Case,
    Conversation,
    Delivery,
    Message,
    Person,
    SearchText,
    Site,
    Visitor,
    Webhook,
)
from tests.assistant.desk import rows
from tests.assistant.desk.rows import answered, reply, said, say


def test_a_first_message_begins_a_conversation_as_the_site_answers_them(shop: Site, visitor: Visitor) -> None:
    Site.objects.update(system_message="You sell lamps.")
    visitor.refresh_from_db()
    asked = say(visitor, "Where is my order?", page="https://shop.example/cart")

    conversation = Conversation.objects.get()
    assert (conversation.site, conversation.system_message) == (shop, "You sell lamps.")
    assert conversation.training_consent_at is not None
    case = Case.objects.get(pk=asked.conversation_id)
    assert (case.site, case.visitor, case.page, case.preview) == (
        *(shop, visitor, "https://shop.example/cart", "Where is my order?"),
    )


def test_a_message_sent_twice_is_stored_once(visitor: Visitor, dora: Person) -> None:
    id_ = uuid7()
    first = messages.say(visitor.pk, client_message_id=id_, conversation_id=None, text="Hi")
    assert messages.say(visitor.pk, client_message_id=id_, conversation_id=None, text="Hi") == first

    said_once = messages.reply(dora.id, client_message_id=id_, conversation_id=first.conversation_id, text="Hello")
    again = messages.reply(dora.id, client_message_id=id_, conversation_id=first.conversation_id, text="Hello")
    assert again == said_once
    assert Message.objects.filter(role="agent").count() == 1


def test_a_message_sent_again_after_a_takeover_names_no_reply(visitor: Visitor, dora: Person) -> None:
    id_ = uuid7()
    first = messages.say(visitor.pk, client_message_id=id_, conversation_id=None, text="Hi")
    handoff.take(dora.id, first.conversation_id)

    again = messages.say(visitor.pk, client_message_id=id_, conversation_id=None, text="Hi")
    assert (again.message_id, again.reply_id, again.generation_id) == (first.message_id, None, None)


def test_nobody_writes_into_a_conversation_of_somebody_else(shop: Site, visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    answered(asked.generation_id)

    with pytest.raises(AssistantError, match=r"conversation\.not_found"):
        say(rows.visitor(shop), "Mine now", asked.conversation_id)
    with pytest.raises(AssistantError, match=r"desk\.site_not_found"):
        messages.say(dora.id, client_message_id=uuid7(), conversation_id=None, text="I visit nothing")


def test_a_site_that_is_switched_off_takes_no_message(shop: Site, visitor: Visitor) -> None:
    Site.objects.update(is_enabled=False)

    with pytest.raises(AssistantError, match=r"desk\.site_disabled"):
        say(visitor)
    assert not Conversation.objects.exists()


def test_the_model_reads_what_an_agent_said_as_the_answer(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    reply(dora, asked.conversation_id, "It is on its way.")
    conversation = Conversation.objects.get()
    assert conversation.head is not None

    prompt = context.prompt_of(branches.path_to(conversation.head), conversation)
    assert [(turn.role, turn.text) for turn in prompt[1:]] == [
        ("user", "Where is my order?"),
        ("assistant", "It is on its way."),
    ]


def test_the_visitor_is_told_who_answers_and_finds_it(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    reply(dora, asked.conversation_id, "It is on its way.")

    last = branches.visible_path(visitor.pk, Conversation.objects.get()).items[-1]
    assert (last.role, last.author_name, last.generation) == ("agent", "Dora", None)
    assert SearchText.objects.filter(owner=visitor.pk, body__contains="on its way").exists()


def test_a_file_is_sent_once_and_only_by_whoever_brought_it(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    file = Attachment.objects.create(
        conversation_id=asked.conversation_id, uploader=visitor.person, name="a.png", media_type="image/png", size=1
    )
    with pytest.raises(AssistantError, match=r"attachment\.not_found"):
        reply(dora, asked.conversation_id, attachment_ids=[file.pk])
    answered(asked.generation_id)
    more = say(visitor, "See", asked.conversation_id, attachment_ids=[file.pk])

    file.refresh_from_db()
    assert file.message_id == more.message_id
    handoff.take(dora.id, asked.conversation_id)
    with pytest.raises(AssistantError, match=r"attachment\.not_found"):
        say(visitor, "Again", asked.conversation_id, attachment_ids=[file.pk])


def test_webhooks_are_told_what_they_asked_for_and_of_no_draft(shop: Site, visitor: Visitor, dora: Person) -> None:
    Webhook.objects.create(site=shop, url="https://hooks.example/all", secret="x")
    Webhook.objects.create(site=shop, url="https://hooks.example/some", secret="x", events=["handoff.taken"])
    Webhook.objects.create(site=shop, url="https://hooks.example/off", secret="x", is_enabled=False)
    asked = say(visitor)
    handoff.take(dora.id, asked.conversation_id)
    answered(asked.generation_id, "A draft")
    reply(dora, asked.conversation_id, "Let me look.")

    told = Delivery.objects.order_by("id")
    assert [row.event for row in told.filter(webhook__url__endswith="all")] == [
        *("conversation.created", "message.created", "handoff.taken", "message.created"),
    ]
    assert [row.event for row in told.filter(webhook__url__endswith="some")] == ["handoff.taken"]
    assert not told.filter(webhook__url__endswith="off").exists()
    payload = told.filter(event="message.created").latest("id").payload
    assert payload["data"]["text"] == "Let me look."
    assert payload["data"]["conversation_id"] == str(asked.conversation_id)


def test_an_agent_who_is_erased_leaves_the_conversation_whole(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    reply(dora, asked.conversation_id, "It is on its way.")
    say(visitor, "Thanks", asked.conversation_id)
    erasure.erase_person(dora.id)

    assert [text for _, text in said(asked.conversation_id)] == ["Where is my order?", "It is on its way.", "Thanks"]
    assert (Case.objects.get().assignee, Conversation.objects.get().mode) == (None, "waiting")
