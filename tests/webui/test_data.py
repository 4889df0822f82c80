"""Taking one's data along: file names, downloads, everything as one ZIP, and the way back in."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient, Client

from assistant.chat import organizing
from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.finetuning import examples
from assistant.models import Adapter, AskedAgain, Comparison, Conversation, Feedback, Folder, Person, ShareLink
from assistant.portability import archive
from assistant.sharing import actions as sharing
from tests.assistant.chatgpt_files import conversation, file_of, node
from tests.assistant.learning import accept_all, consenting, corrected
from tests.assistant.rows import finish
from tests.conftest import ask

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def client(alice: Person) -> Client:
    client = Client()
    client.force_login(alice, BACKEND)
    return client


@pytest.fixture
def talk(alice: Person) -> Accepted:
    accepted = ask(alice, "What is a tide?")
    finish(accepted, "The sea rises.")
    return accepted


def file_name(header: str) -> str:
    if found := re.search(r"filename\*=utf-8''(\S+)", header):
        return unquote(found[1])
    found = re.search(r'filename="((?:[^"\\]|\\.)*)"', header)
    assert found
    return found[1]


# One conversation


def test_a_conversation_is_downloaded_as_markdown(client: Client, talk: Accepted) -> None:
    answer = client.get(f"/c/{talk.conversation_id}/export.md")

    at = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
    expected = rf"# What is a tide\?\n\n## You · {at}\n\nWhat is a tide\?\n\n## Parley · {at}\n\nThe sea rises\.\n"
    assert re.fullmatch(expected, answer.content.decode())
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer["Content-Disposition"].startswith("attachment;")
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_conversation_is_downloaded_as_json_with_all_branches(client: Client, alice: Person, talk: Accepted) -> None:
    finish(ask(alice, "Edited", conversation_id=talk.conversation_id), "Another answer")
    feedback.give(alice.id, talk.reply_id, Feedback.Rating.UP)

    document = client.get(f"/c/{talk.conversation_id}/export.json").json()

    assert (document["format"], document["v"]) == ("parley.conversation", 1)
    assert {message["text"] for message in document["messages"]} == {
        *("What is a tide?", "The sea rises."),
        *("Edited", "Another answer"),
    }
    reply = next(message for message in document["messages"] if message["id"] == str(talk.reply_id))
    assert reply["feedback"]["rating"] == "up"
    assert reply["generation"]["state"] == "completed"
    assert reply["generation"]["sampling"]["seed"] >= 0


def test_a_rating_of_somebody_else_is_not_in_it(client: Client, bob: Person, talk: Accepted) -> None:
    Feedback.objects.create(message_id=talk.reply_id, person=bob, rating="down", comment="Bob's note")

    assert b"Bob" not in client.get(f"/c/{talk.conversation_id}/export.json").content


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Tides", "Tides"),
        ("../../etc/passwd", "etc passwd"),
        ("潮汐 как дела नमस्ते", "潮汐 как дела नमस्ते"),
        ("🌊🌊", ""),
        ('a"b\r\nSet-Cookie: x=1', "a b Set Cookie x 1"),
        ("a\u202egpj.exe", "a gpj exe"),
        ("CON", "CON"),
        (".hidden", "hidden"),
        ("", ""),
        ("x" * 200, "x" * 120),
        ("潮" * 200, "潮" * 40),
    ],
)
def test_a_file_name_is_safe_whatever_the_title(client: Client, talk: Accepted, title: str, name: str) -> None:
    Conversation.objects.update(title=title)

    answer = client.get(f"/c/{talk.conversation_id}/export.json")

    day = f"{Conversation.objects.get().created_at:%Y-%m-%d}"
    assert file_name(answer["Content-Disposition"]) == f"{day} {name}".strip() + ".json"
    assert "Set-Cookie" not in answer.headers


# Everything


def zip_of(person: Person) -> zipfile.ZipFile:
    async def download() -> bytes:
        client = AsyncClient()
        await client.aforce_login(person, BACKEND)
        answer = await client.get("/data/export.zip")
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/zip"
        return b"".join([piece async for piece in answer])

    return zipfile.ZipFile(io.BytesIO(async_to_sync(download)()))


def read(found: zipfile.ZipFile, name: str) -> Any:
    return json.loads(found.read(name))


@pytest.mark.django_db(transaction=True)
def test_everything_of_a_person_is_in_the_zip(alice: Person, talk: Accepted) -> None:
    folder = Folder.objects.create(owner=alice, name="Sea")
    Conversation.objects.update(folder=folder)
    Person.objects.filter(pk=alice.pk).update(preferences={"theme": "dark"}, training_consent_at="2026-01-01T00:00Z")
    link = sharing.share(alice.id, talk.conversation_id, ShareLink.Audience.ANYONE)
    Comparison.objects.create(person=alice, left_id=talk.reply_id, right_id=talk.message_id, verdict="tie")

    found = zip_of(alice)

    assert found.testzip() is None
    assert "README.md" in found.namelist()
    person = read(found, "person.json")
    assert (person["email"], person["preferences"]) == ("alice@example.org", {"theme": "dark"})
    assert person["training_consent_at"] == "2026-01-01T00:00:00Z"
    assert [row["name"] for row in read(found, "folders.json")["folders"]] == ["Sea"]
    assert [row["token"] for row in read(found, "share_links.json")["share_links"]] == [link.token]
    assert [row["verdict"] for row in read(found, "comparisons.json")["comparisons"]] == ["tie"]
    [document, text] = [name for name in sorted(found.namelist()) if name.startswith("conversations/")]
    assert read(found, document)["folder"] == "Sea"
    assert "The sea rises." in found.read(text).decode()


@pytest.mark.django_db(transaction=True)
def test_what_became_of_their_feedback_is_in_it(alice: Person, bob: Person, charlie: Person) -> None:
    corrections = (
        corrected(consenting(alice), "What is a tide?", "A wind.", "The sea rises."),
        corrected(consenting(charlie), "What is a cloud?", "A wind.", "Water in the air."),
    )
    adapter = Adapter.objects.create(name="v1", sha256="1" * 64)
    for correction, text in zip(corrections, ("It rises now.", "Water in the air"), strict=True):
        AskedAgain.objects.create(message_id=correction.reply_id, adapter=adapter, text=text)
    accept_all(bob)
    examples.build()

    found = zip_of(alice)

    learning = read(found, "learning.json")
    assert [row["kind"] for row in learning["events"]] == ["thumb", "correction"]
    assert [(row["state"], row["answer"]) for row in learning["reviews"]] == [("accepted", "The sea rises.")]
    assert [(row["kind"], row["status"], row["snapshots"]) for row in learning["examples"]] == [
        ("sft", "approved", []),
        ("preference", "approved", []),
    ]
    assert [row["text"] for row in learning["asked_again"]] == ["It rises now."]
    assert b"Water in the air" not in b"".join(found.read(name) for name in found.namelist())


@pytest.mark.django_db(transaction=True)
def test_nothing_of_others_nothing_deleted_and_nothing_temporary_is_in_it(
    alice: Person, charlie: Person, talk: Accepted
) -> None:
    ask(charlie, "Charlie's own")
    ask(alice, "Secret", is_temporary=True)
    organizing.delete(alice.id, ask(alice, "Deleted").conversation_id)

    found = zip_of(alice)

    assert len([name for name in found.namelist() if name.startswith("conversations/")]) == 2
    everything = b"".join(found.read(name) for name in found.namelist())
    assert not re.search(rb"Charlie|Secret|Deleted\"", everything)


@pytest.mark.django_db(transaction=True)
def test_equal_titles_do_not_overwrite_each_other(alice: Person) -> None:
    for _ in range(3):
        ask(alice, "../same")

    names = zip_of(alice).namelist()

    assert len(names) == len(set(names)) == 7 + 2 * 3
    assert not [name for name in names if ".." in name or name.startswith("/")]


@pytest.mark.django_db(transaction=True)
def test_the_zip_is_made_while_it_is_sent(alice: Person) -> None:
    for number in range(5):
        ask(alice, f"Number {number}")

    pieces = archive.everything(alice)
    first = next(pieces)

    assert first.startswith(b"PK\x03\x04")
    assert len(list(pieces)) > 5


@pytest.mark.django_db(transaction=True)
def test_the_zip_can_be_imported_again(alice: Person, charlie: Person, talk: Accepted) -> None:
    data = io.BytesIO()
    data.write(b"".join(archive.everything(alice)))

    answer = upload(charlie, data.getvalue())

    assert answer.json()["imported"] == 1
    row = Conversation.objects.get(owner=charlie)
    assert row.title == "What is a tide?"
    assert row.updated_at - Conversation.objects.get(owner=alice).updated_at < timedelta(milliseconds=1)


def test_a_stranger_is_asked_to_sign_in_first(db: None) -> None:
    assert Client().get("/data/export.zip")["Location"].startswith("/accounts/login/")


# Import


def upload(person: Person, data: bytes) -> Any:
    client = Client()
    client.force_login(person, BACKEND)
    return client.post("/api/import", {"file": SimpleUploadedFile("export.bin", data)})


def test_what_became_of_a_file_is_told(alice: Person) -> None:
    talk = conversation(node("s", None, "system", "You are"), node("q", "s", "user", "What is a tide?"))
    nonsense = {**conversation(node("a", "gone", "user", "1")), "title": "Broken"}

    answer = upload(alice, file_of(talk, nonsense, talk).getvalue())

    assert answer.status_code == 200
    assert answer.json() == {
        "imported": 1,
        "already_here": 1,
        "refused_count": 1,
        "refused": [
            {
                "title": "Broken",
                "code": "import.invalid_tree",
                "message": "Its messages do not hang together: one is missing, or they run in a circle.",
            }
        ],
        "left_out": {"hidden": 1},
    }


def test_a_file_that_cannot_be_read_is_an_error_with_a_code(alice: Person) -> None:
    answer = upload(alice, b"<html>")

    assert (answer.status_code, answer.json()["code"]) == (400, "import.not_json")


def test_a_request_without_a_file_is_refused(client: Client) -> None:
    answer = client.post("/api/import", {})

    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")


def test_a_visitor_who_comes_to_import_becomes_a_guest(db: None) -> None:
    assert Client().get("/data/import/").status_code == 200
    assert Person.objects.get().is_guest


def test_what_a_guest_and_their_account_both_imported_does_not_stop_the_sign_in(alice: Person) -> None:
    from assistant.accounts.actions import adopt_guest

    guest = Person.objects.create(username="guest-1", is_guest=True)
    file = file_of(conversation(node("q", None, "user", "Hi"))).getvalue()
    for person in (alice, guest):
        upload(person, file)

    adopt_guest(guest, alice)

    assert Conversation.objects.filter(owner=alice).count() == 2
    assert isinstance(Conversation.objects.earliest("id").created_at, datetime)
    assert upload(alice, file).json()["already_here"] == 1
