"""The page of approved answers: staff finds, adds, edits and retires them; nobody else sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from assistant.feedback import actions as feedback
from assistant.knowledge import actions
from assistant.models import AuditEvent, Feedback, Passage, Person
from tests.assistant.answering import approved, claimed, end, library
from tests.conftest import ask

Enter = Callable[..., Client]
PATH = "/approved-answers/"


def add(client: Client, question: str = "How long?", answer: str = "Ten weeks."):
    return client.post(PATH, {"question": question, "answer": answer})


def test_a_reviewer_adds_an_answer(enter: Enter, bob: Person) -> None:
    answer = add(enter("bob"))

    passage = Passage.objects.get()
    assert answer["Location"] == f"{PATH}{passage.id}/"
    assert (passage.question, passage.answer, passage.approved_by) == ("How long?", "Ten weeks.", bob)
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id) == ("passage.add", str(passage.id))
    assert "Ten weeks" not in str(event.after)


@pytest.mark.parametrize("visitor", ["alice", "charlie", "guest", "nobody"])
def test_others_write_nothing(visitor: str, enter: Enter) -> None:
    passage = approved("How long?", "Ten weeks.")
    client = enter(visitor)

    for path, form in (
        (PATH, {"question": "Who?", "answer": "Me."}),
        (f"{PATH}{passage.id}/", {"question": "How long?", "answer": "Never."}),
        (f"{PATH}{passage.id}/", {"retire": "1"}),
    ):
        assert client.post(path, form).status_code == (401 if visitor == "nobody" else 403)
    assert list(Passage.objects.values_list("answer", "retired_at")) == [("Ten weeks.", None)]


def test_an_edited_answer_takes_the_place_of_the_one_before(enter: Enter, bob: Person) -> None:
    passage = approved("How long?", "Ten weeks.", origin="FAQ")

    answer = enter("bob").post(f"{PATH}{passage.id}/", {"question": "How long does it take?", "answer": "A month."})

    old, new = Passage.objects.order_by("id")
    assert answer["Location"] == f"{PATH}{new.id}/"
    assert old.retired_at is not None
    assert (new.question, new.answer, new.origin, new.approved_by) == ("How long does it take?", "A month.", "FAQ", bob)
    assert enter("bob").get(f"{PATH}{old.id}/").status_code == 404


def test_a_retired_answer_stands_in_a_list_of_its_own(enter: Enter) -> None:
    passage = approved("How long?", "Ten weeks.")
    client = enter("bob")

    client.post(f"{PATH}{passage.id}/", {"retire": "1"})

    assert "Ten weeks." not in client.get(PATH).content.decode()
    assert "Ten weeks." in client.get(PATH, {"which": "retired"}).content.decode()


@pytest.mark.parametrize(("question", "answer"), [("?!", "Yes."), ("", "Yes."), ("How long?", " "), ("How\0?", "Yes.")])
def test_what_cannot_be_stored_stays_in_the_form_with_the_reason(question: str, answer: str, enter: Enter) -> None:
    shown = add(enter("bob"), question, answer)

    assert shown.status_code == 400
    assert 'role="alert"' in shown.content.decode()
    assert not Passage.objects.exists()


def test_the_list_is_searched_in_any_script(enter: Enter) -> None:
    approved("How long?", "Ten weeks.")
    approved("需要多长时间？", "十周。")
    client = enter("bob")

    assert "Ten weeks." in client.get(PATH, {"q": "WEEKS how"}).content.decode()
    found = client.get(PATH, {"q": "时间"}).content.decode()
    assert "十周" in found
    assert "Ten weeks." not in found


def test_the_list_is_paged(enter: Enter) -> None:
    actions.store([actions.passage(f"Question {n}", "Yes.", source=Passage.Source.IMPORT) for n in range(65)])
    client, found, cursor = enter("bob"), [], ""
    for _ in range(3):
        page = client.get(PATH, {"cursor": cursor})
        found += [passage.question for passage, _ in page.context["rows"]]
        cursor = page.context["next_cursor"]
    assert cursor is None
    assert len(found) == len(set(found)) == 65
    assert client.get(PATH, {"cursor": "nonsense"}).status_code == 400


def test_markup_in_an_answer_stays_text(enter: Enter) -> None:
    approved("<script>alert(1)</script>", "<img src=x onerror=alert(1)>")

    shown = enter("bob").get(PATH).content.decode()

    assert "<script>alert" not in shown
    assert "<img src=x" not in shown


def test_a_thumb_down_on_what_was_given_is_seen(enter: Enter, alice: Person) -> None:
    approved("How long?", "Ten weeks.")
    approved("Who?", "A painter.")
    accepted = ask(alice, "How long?")
    end(*claimed(accepted, library()))
    feedback.give(alice.id, accepted.reply_id, Feedback.Rating.DOWN)

    [(passage, standing)] = enter("bob").get(PATH, {"which": "disputed"}).context["rows"]

    assert (passage.answer, standing.given, standing.thumbs_down) == ("Ten weeks.", 1, 1)


def test_the_transcript_says_where_an_answer_came_from(enter: Enter, alice: Person, bob: Person) -> None:
    Person.objects.filter(pk=bob.pk).update(name="Bob")
    passage = approved("How long?", "Ten weeks.", approved_by=bob)
    accepted = ask(alice, "How long?")
    end(*claimed(accepted, library()))
    client = enter("alice")

    items = client.get(f"/api/conversations/{accepted.conversation_id}/messages").json()["items"]
    generation = items[-1]["generation"]
    assert generation["knowledge"] == "served"
    [source] = generation["sources"]
    assert (source["id"], source["question"], source["approved_by"]) == (str(passage.id), "How long?", "Bob")

    details = client.get(f"/api/messages/{accepted.reply_id}/provenance").json()
    assert (details["knowledge"], details["base_model"], details["adapter"]) == ("served", "", "")

    shown = client.get(f"/c/{accepted.conversation_id}/").content.decode()
    assert "Approved answer" in shown
    assert f"{PATH}{passage.id}/" not in shown  # the link is for staff
