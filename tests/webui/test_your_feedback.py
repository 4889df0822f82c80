"""The page of what one said about answers and what became of it, the notice in the chat, and the line in the panel."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from assistant.chat import actions as chat
from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.feedback import comparisons, reviews
from assistant.models import Adapter, AskedAgain, Comparison, Feedback, Person
from tests.assistant.learning import UP, accept_all, consenting, corrected
from tests.assistant.rows import finish
from tests.webui.roles import everything

pytestmark = pytest.mark.django_db

Enter = Callable[..., Client]


@pytest.fixture
def correction(alice: Person) -> Accepted:
    return corrected(consenting(alice), "Where do <i>rivers</i> end?", "In a <b>lake</b>.", "In the sea.")


@pytest.fixture
def again(correction: Accepted) -> AskedAgain:
    """The question was asked again, and the answer is the right one."""
    adapter = Adapter.objects.create(name="v7", sha256="7" * 64, base_model_sha256="0" * 64)
    return AskedAgain.objects.create(
        message_id=correction.reply_id,
        adapter=adapter,
        state="completed",
        text="In the <u>sea</u>.",
        measured="better",
        finished_at=timezone.now(),
    )


def page(client: Client, path: str = "/settings/feedback/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_whoever_has_said_nothing_reads_how_to(enter: Enter) -> None:
    assert "You have not said anything about an answer yet." in page(enter("guest"))


def test_each_piece_stands_there_with_its_steps(enter: Enter, bob: Person, correction: Accepted) -> None:
    html = page(enter("alice"))
    assert "Where do &lt;i&gt;rivers&lt;/i&gt; end?" in html
    assert "In a &lt;b&gt;lake&lt;/b&gt;." in html
    assert "Waiting for a reviewer" in html
    accept_all(bob)

    html = page(enter("alice"))

    assert "Accepted" in html
    assert "Waiting for the next training" in html
    assert "bob" not in html


def test_it_reads_in_chinese(enter: Enter, correction: Accepted) -> None:
    html = enter("alice").get("/settings/feedback/", headers={"Accept-Language": "zh-CN"}).content.decode()

    assert "等待审核" in html


def test_the_answers_then_and_now_stand_side_by_side_and_one_says_which_is_better(
    enter: Enter, correction: Accepted, again: AskedAgain
) -> None:
    client = enter("alice")
    html = page(client)
    assert "In the &lt;u&gt;sea&lt;/u&gt;." in html
    assert "The answer now, by v7" in html

    answer = client.post("/settings/feedback/judge/", {"asked_again": again.pk, "verdict": "worse"})

    assert answer["Location"] == "/settings/feedback/"
    again.refresh_from_db()
    assert again.judged == "worse"
    client.post("/settings/feedback/judge/", {"asked_again": again.pk, "verdict": ""})
    again.refresh_from_db()
    assert again.judged == ""


@pytest.mark.parametrize("visitor", ["bob", "charlie", "guest", "nobody"])
def test_others_judge_and_withdraw_nothing_of_alice(
    visitor: str, enter: Enter, correction: Accepted, again: AskedAgain
) -> None:
    client, before = enter(visitor), everything()

    judged = client.post("/settings/feedback/judge/", {"asked_again": again.pk, "verdict": "worse"})
    withdrawn = client.post("/settings/feedback/withdraw/", {"message": correction.reply_id})

    assert (judged.status_code, withdrawn.status_code) == (404, 404)
    again.refresh_from_db()
    assert again.judged == ""
    assert Feedback.objects.exists()
    assert everything() == before
    assert "rivers" not in page(client)


@pytest.mark.parametrize("data", [{"asked_again": "x", "verdict": "better"}, {"asked_again": uuid4(), "verdict": "?"}])
def test_a_form_that_was_tampered_with_is_refused(data: dict[str, object], enter: Enter) -> None:
    assert enter("alice").post("/settings/feedback/judge/", data).status_code == 400


def test_a_place_on_the_page_leads_nowhere_else(enter: Enter, correction: Accepted) -> None:
    client = enter("alice")

    answer = client.post(
        "/settings/feedback/withdraw/",
        {"message": correction.reply_id, "cursor": "a&next=//evil", "place": "//evil.example"},
    )

    assert answer["Location"] == "/settings/feedback/?cursor=a%26next%3D%2F%2Fevil"


def test_each_can_be_taken_back_from_there(enter: Enter, alice: Person, correction: Accepted) -> None:
    second = chat.regenerate(alice.id, correction.reply_id)
    finish(second, "In the sea.")
    comparisons.vote(alice.id, correction.reply_id, second.reply_id, Comparison.Verdict.RIGHT)
    client = enter("alice")
    assert "You found the right answer better." in page(client)

    client.post("/settings/feedback/withdraw/", {"message": correction.reply_id, "other": second.reply_id})
    assert not Comparison.objects.exists()
    told = client.post("/settings/feedback/withdraw/", {"message": correction.reply_id}, follow=True)

    assert not Feedback.objects.exists()
    assert "Nothing new is learned from it." in told.content.decode()


def test_many_are_shown_page_by_page(enter: Enter, alice: Person) -> None:
    for number in range(12):
        corrected(alice, f"Question {number}?", "No.", "Yes.")
    client = enter("alice")
    first = client.get("/settings/feedback/")

    rest = page(client, f"/settings/feedback/?cursor={first.context['next_cursor']}")

    assert "Question 2?" in first.content.decode()
    assert "Question 1?" not in first.content.decode()
    assert "Question 1?" in rest
    assert client.get("/settings/feedback/?cursor=x").status_code == 400


# The notice


def notice(client: Client) -> str | None:
    return client.get("/api/me/feedback/news").json()["text"]


def test_the_chat_tells_it_in_one_line_until_one_has_looked(enter: Enter, again: AskedAgain) -> None:
    client = enter("alice")
    told = "Your question was asked again: v7 answers it better now."
    assert told in client.get("/").content.decode()
    assert notice(client) == told
    assert notice(enter("charlie")) is None

    page(client)

    assert notice(client) is None
    assert told not in client.get("/").content.decode()


def test_it_can_be_put_away_without_looking(enter: Enter, again: AskedAgain) -> None:
    client = enter("alice")

    assert client.post("/settings/feedback/seen/")["Location"] == "/"
    assert notice(client) is None
    again.finished_at = timezone.now()
    again.save()
    asynchronous = client.post("/settings/feedback/seen/", headers={"X-Requested-With": "XMLHttpRequest"})
    assert (asynchronous.status_code, notice(client)) == (204, None)


def test_a_refusal_is_told_too(enter: Enter, bob: Person, correction: Accepted) -> None:
    reviews.reject(bob.id, reviews.take_next(bob.id).id, "No.")

    assert notice(enter("alice")) == "A reviewer decided not to use something that you corrected."


# The panel


def test_the_panel_is_told_where_it_stands(enter: Enter, bob: Person, again: AskedAgain) -> None:
    client, path = enter("alice"), f"/api/messages/{again.message_id}/feedback/life"
    AskedAgain.objects.all().delete()
    assert client.get(path).json() == {"stage": "received", "text": "Reviewed: Waiting for a reviewer"}

    accept_all(bob)

    assert client.get(path).json() == {"stage": "accepted", "text": "Learned: Waiting for the next training"}


def test_a_reply_about_which_nothing_was_said_has_no_life(enter: Enter, alice: Person, correction: Accepted) -> None:
    feedback.withdraw(alice.id, correction.reply_id)
    answer = enter("alice").get(f"/api/messages/{correction.reply_id}/feedback/life")

    assert (answer.status_code, answer.json()["code"]) == (404, "outcome.no_feedback")
    feedback.give(alice.id, correction.reply_id, UP)
    assert enter("alice").get(f"/api/messages/{correction.reply_id}/feedback/life").status_code == 200
