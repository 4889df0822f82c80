"""Files of agents go with their messages, and only then; what was sent stays with the visitor, and is theirs to take
along and to have erased."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from assistant.chat import erasure
from assistant.desk import attachments, duties, handoff
from assistant.desk.attachments import attachment_of_agent, attachment_of_visitor, path_of
from assistant.errors import AssistantError
from assistant.models import Attachment, Conversation, ErasureReceipt, Person, Visitor
from assistant.portability import archive
from tests.assistant.desk.rows import reply, say


@pytest.fixture
def talk(visitor: Visitor, dora: Person) -> Conversation:
    asked = say(visitor)
    handoff.take(dora.id, asked.conversation_id)
    return Conversation.objects.get()


def brought(by: Person, talk: Conversation, text: str = "Number 4711") -> Attachment:
    return attachments.store(by.id, talk, "plan: B?.txt", text.encode())


def exported(person: Person) -> tuple[dict[str, Any], dict[str, bytes]]:
    """files.json, and the files themselves."""
    with zipfile.ZipFile(io.BytesIO(b"".join(archive.everything(person)))) as made:
        names = [name for name in made.namelist() if name.startswith("files/")]
        return json.loads(made.read("files.json")), {name: made.read(name) for name in names}


def test_the_visitor_gets_an_agents_file_with_the_message_and_not_before(
    talk: Conversation, visitor: Visitor, dora: Person
) -> None:
    file = brought(dora, talk)
    with pytest.raises(AssistantError, match=r"attachment\.not_found"):
        attachment_of_visitor(visitor.pk, file.pk)

    message = reply(dora, talk.pk, attachment_ids=[file.pk])

    assert attachments.read(attachment_of_visitor(visitor.pk, file.pk)) == b"Number 4711"
    assert [row.pk for row in attachments.by_message([message.pk])[message.pk]] == [file.pk]


def test_of_two_agents_neither_sends_what_the_other_chose(talk: Conversation, dora: Person, eve: Person) -> None:
    file = brought(eve, talk)

    with pytest.raises(AssistantError, match=r"attachment\.not_found"):
        reply(dora, talk.pk, attachment_ids=[file.pk])
    with pytest.raises(AssistantError, match=r"attachment\.not_found"):
        attachment_of_agent(dora, file.pk)


def test_an_agent_who_is_erased_leaves_what_was_sent_and_nothing_else(
    talk: Conversation, visitor: Visitor, dora: Person
) -> None:
    sent, unsent = brought(dora, talk), brought(dora, talk)
    reply(dora, talk.pk, attachment_ids=[sent.pk])

    erasure.erase_person(dora.id)

    [row] = Attachment.objects.all()
    assert (row.pk, row.uploader) == (sent.pk, None)
    assert attachment_of_visitor(visitor.pk, sent.pk) == sent
    assert ErasureReceipt.objects.get().counts["files"] == 1
    assert unsent.pk != sent.pk


def test_what_was_chosen_and_never_sent_is_erased_after_a_day(
    talk: Conversation, dora: Person, django_capture_on_commit_callbacks: Any
) -> None:
    sent, old, young = brought(dora, talk), brought(dora, talk), brought(dora, talk)
    reply(dora, talk.pk, attachment_ids=[sent.pk])
    past = timezone.now() - timedelta(days=1, minutes=1)
    Attachment.objects.filter(pk__in=[sent.pk, old.pk]).update(created_at=past)

    with django_capture_on_commit_callbacks(execute=True):
        duties.DeskKeeper()(None)  # type: ignore[arg-type]  # it asks nothing of the runner

    assert set(Attachment.objects.all()) == {sent, young}
    assert [path_of(row.pk).exists() for row in (sent, old, young)] == [True, False, True]


def test_a_visitor_takes_along_what_both_sides_sent(talk: Conversation, visitor: Visitor, dora: Person) -> None:
    own, theirs, unsent = brought(visitor.person, talk, "mine"), brought(dora, talk, "hers"), brought(dora, talk)
    said = say(visitor, "See", talk.pk, attachment_ids=[own.pk])
    answer = reply(dora, talk.pk, attachment_ids=[theirs.pk])

    listed, files = exported(visitor.person)

    assert [(row["message_id"], row["is_yours"], row["name"]) for row in listed["files"]] == [
        (str(said.message_id), True, "plan: B?.txt"),
        (str(answer.pk), False, "plan: B?.txt"),
    ]
    assert [files[row["file"]] for row in listed["files"]] == [b"mine", b"hers"]
    assert sorted(files) == sorted(f"files/plan B {row.pk.hex[-8:]}.txt" for row in (own, theirs))
    assert unsent.pk.hex[-8:] not in str(listed)
    _, document = archive.conversation_json(visitor.pk, talk.pk)
    assert [[file["id"] for file in message["files"]] for message in json.loads(document)["messages"][-2:]] == [
        [str(own.pk)],
        [str(theirs.pk)],
    ]


def test_an_agent_takes_along_what_they_sent_and_no_file_of_a_visitor(
    talk: Conversation, visitor: Visitor, dora: Person
) -> None:
    say(visitor, "See", talk.pk, attachment_ids=[brought(visitor.person, talk, "mine").pk])
    reply(dora, talk.pk, attachment_ids=[brought(dora, talk, "hers").pk])

    listed, files = exported(dora)

    assert [row["is_yours"] for row in listed["files"]] == [True]
    assert list(files.values()) == [b"hers"]


def test_a_file_that_is_gone_does_not_keep_the_rest(talk: Conversation, visitor: Visitor) -> None:
    files = [brought(visitor.person, talk, text) for text in ("gone", "here")]
    path_of(files[0].pk).unlink()

    assert list(exported(visitor.person)[1].values()) == [b"here"]


@pytest.mark.django_db(transaction=True)
def test_erasing_a_visitor_takes_the_files_of_both_sides_and_the_receipt_counts_them(
    talk: Conversation, visitor: Visitor, dora: Person
) -> None:
    files = [brought(visitor.person, talk), brought(dora, talk)]
    say(visitor, "See", talk.pk, attachment_ids=[files[0].pk])
    reply(dora, talk.pk, attachment_ids=[files[1].pk])

    erasure.erase_person(visitor.pk)

    assert not Attachment.objects.exists()
    assert not any(path_of(file.pk).exists() for file in files)
    assert ErasureReceipt.objects.get().counts["files"] == 2
