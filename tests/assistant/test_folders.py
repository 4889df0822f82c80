"""A person keeps conversations in folders of their own; deleting a folder loses none of them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from assistant.chat import folders, listing, organizing
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.models import Conversation, Folder, Person
from tests.conftest import ask

pytestmark = pytest.mark.django_db


def listed(person: Person, folder: object = "none") -> list[str]:
    return [item.title for item in listing.conversations_of(person.id, folder=folder).items]  # type: ignore[arg-type]


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(AssistantError) as caught:
        work()
    return caught.value.code


def test_a_conversation_stands_in_its_folder_and_not_beside_it(alice: Person) -> None:
    inside, _ = ask(alice, "Inside"), ask(alice, "Beside")
    folder = folders.create(alice.id, "Travel")

    folders.move(alice.id, inside.conversation_id, folder.id)

    assert (listed(alice), listed(alice, folder.id)) == (["Beside"], ["Inside"])
    assert listed(alice, None) == ["Beside", "Inside"]
    folders.move(alice.id, inside.conversation_id, None)
    assert (listed(alice), listed(alice, folder.id)) == (["Beside", "Inside"], [])


def test_folders_come_by_name_with_their_first_conversations(alice: Person) -> None:
    for name in ("work", "Travel"):
        folder = folders.create(alice.id, name)
        for number in range(3):
            folders.move(alice.id, ask(alice, f"{name} {number}").conversation_id, folder.id)
    organizing.organize(alice.id, ask(alice, "Beside").conversation_id, is_pinned=True)

    found = listing.folders_of(alice.id, 2)

    assert [(folder.name, folder.count) for folder in found] == [("Travel", 3), ("work", 3)]
    assert [item.title for item in found[0].conversations.items] == ["Travel 2", "Travel 1"]
    rest = listing.conversations_of(alice.id, found[0].conversations.next_cursor, folder=found[0].id)
    assert [item.title for item in rest.items] == ["Travel 0"]


def test_what_is_archived_or_deleted_is_not_counted(alice: Person) -> None:
    folder = folders.create(alice.id, "Travel")
    asked = [ask(alice, f"Number {number}") for number in range(3)]
    for each in asked:
        folders.move(alice.id, each.conversation_id, folder.id)

    organizing.organize(alice.id, asked[0].conversation_id, is_archived=True)
    organizing.delete(alice.id, asked[1].conversation_id)

    [found] = listing.folders_of(alice.id)
    assert (found.count, [item.title for item in found.conversations.items]) == (1, ["Number 2"])


def test_the_conversations_of_a_deleted_folder_stay(alice: Person, asked: Accepted) -> None:
    folder = folders.create(alice.id, "Travel")
    folders.move(alice.id, asked.conversation_id, folder.id)

    folders.delete(alice.id, folder.id)

    assert listed(alice) == ["Hello"]
    assert listing.folders_of(alice.id) == []


def test_a_name_is_kept_on_one_line_and_given_once(alice: Person, charlie: Person) -> None:
    folder = folders.create(alice.id, " Big \n trip ")
    other = folders.create(alice.id, "Work")

    assert folder.name == "Big trip"
    assert code_of(lambda: folders.create(alice.id, "Big trip")) == "folder.exists"
    assert code_of(lambda: folders.rename(alice.id, other.id, "Big trip")) == "folder.exists"
    folders.create(charlie.id, "Big trip")
    folders.rename(alice.id, folder.id, "Small trip")
    assert [each.name for each in listing.folders_of(alice.id)] == ["Small trip", "Work"]


@pytest.mark.parametrize(("name", "code"), [(" ", "message.empty"), ("a\x00b", "message.invalid_text")])
def test_a_name_that_cannot_be_stored_is_refused(alice: Person, name: str, code: str) -> None:
    assert code_of(lambda: folders.create(alice.id, name)) == code


def test_there_is_an_end_to_folders(alice: Person) -> None:
    Folder.objects.bulk_create(Folder(owner=alice, name=str(number)) for number in range(folders.MAX_FOLDERS))

    assert code_of(lambda: folders.create(alice.id, "One more")) == "folder.too_many"


def test_folders_of_another_are_not_found(alice: Person, charlie: Person, asked: Accepted) -> None:
    folder = folders.create(charlie.id, "Theirs")

    for id_ in (folder.id, uuid4()):
        assert code_of(lambda id_=id_: folders.move(alice.id, asked.conversation_id, id_)) == "folder.not_found"
        assert code_of(lambda id_=id_: folders.rename(alice.id, id_, "Mine")) == "folder.not_found"
        assert code_of(lambda id_=id_: folders.delete(alice.id, id_)) == "folder.not_found"
        assert code_of(lambda id_=id_: listing.conversations_of(alice.id, folder=id_)) == "folder.not_found"
    assert Conversation.objects.get().folder is None
