"""The pages of reviewers: read before JavaScript, filtered, paged, and without a word that needs a reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from assistant.feedback import actions, reviews
from assistant.finetuning import regression
from assistant.models import AuditEvent, Person, RegressionCase, Review
from tests.assistant.learning import DOWN, answered, consenting, corrected
from tests.webui.test_pages import HOSTILE


@pytest.fixture
def ada(bob: Person) -> Person:
    """Bob, promoted."""
    Person.objects.filter(pk=bob.pk).update(role=Person.Role.ADMIN)
    return bob


@pytest.fixture
def waiting(alice: Person) -> list[Review]:
    consenting(alice)
    for name in ("rivers", "roads"):
        corrected(alice, f"Where do {name} end?", f"{HOSTILE} a lake", "In the sea.")
    return list(Review.objects.order_by("id"))


@pytest.fixture
def client(enter: Callable[..., Client], waiting: list[Review]) -> Client:
    return enter("bob")


def shown(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def test_the_queue_counts_by_cause_and_shows_no_transcript(client: Client, bob: Person, waiting: list[Review]) -> None:
    reviews.take_next(bob.id)

    page = shown(client, "/review/")

    assert "Waiting for you: 2" in " ".join(page.split())
    assert "held by" in page
    assert "bob@example.org" in page
    assert f"?review={waiting[1].id}" in page
    assert "lake" not in page
    assert not AuditEvent.objects.exists()


def test_the_queue_is_filtered_and_an_unknown_filter_is_none(client: Client, alice: Person) -> None:
    actions.give(alice.id, answered(alice).reply_id, DOWN, ["unsafe"])

    assert shown(client, "/review/?cause=1_unsafe").count("Review this</a>") == 1
    assert shown(client, "/review/?days=7").count("Review this</a>") == 0
    assert shown(client, "/review/?holder=me").count("Review this</a>") == 0
    assert shown(client, "/review/?cause=x&holder=y&days=z").count("Review this</a>") == 3
    assert shown(client, "/review/?cursor=nonsense", 400)


def test_the_queue_has_pages(client: Client, alice: Person) -> None:
    for number in range(50):
        corrected(alice, f"Question {number}?", "No.", "Yes.")

    page = shown(client, "/review/?cause=2_correction")

    assert page.count("Review this</a>") == 50
    cursor = page.split("cursor=")[1].split('"')[0]
    assert shown(client, f"/review/?cause=2_correction&cursor={cursor}").count("Review this</a>") == 2


def test_what_is_in_other_hands_is_not_offered(client: Client, charlie: Person, waiting: list[Review]) -> None:
    Person.objects.filter(pk=charlie.pk).update(role=Person.Role.REVIEWER)
    reviews.take_next(charlie.id)

    page = shown(client, "/review/")

    assert f"?review={waiting[0].id}" not in page
    assert f"?review={waiting[1].id}" in page


def test_a_decision_is_undone_from_its_list(client: Client, bob: Person, waiting: list[Review]) -> None:
    reviews.take_next(bob.id)
    reviews.reject(bob.id, waiting[0].id, "Wrong")
    assert "Rejected" in shown(client, "/review/decided/")

    answer = client.post("/review/decided/", {"review": waiting[0].id})

    assert answer["Location"] == f"/review/work/?review={waiting[0].id}"
    assert Review.objects.get(pk=waiting[0].pk).state == "pending"
    assert client.post("/review/decided/", {"review": "nonsense"}).status_code == 404
    assert "Rejected" not in shown(client, "/review/decided/")


def test_the_place_of_work_holds_no_text_before_a_reason(client: Client) -> None:
    page = shown(client, "/review/work/?cause=2_correction")

    assert "lake" not in page
    assert "Reviewing needs JavaScript." in page
    assert not Review.objects.exclude(assigned_to=None).exists()


def test_tests_are_listed_with_their_words_as_text_and_retired(client: Client, bob: Person, alice: Person) -> None:
    corrected(alice, HOSTILE.replace("<|im_start|>", ""), "No.", "Yes.")
    review = reviews.take(bob.id, Review.objects.latest("id").id)
    case = regression.make(bob.id, review.id, ["<b>bold</b>"], ["<i>"])

    page = shown(client, "/review/tests/")
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<script>alert" not in page
    answer = client.post("/review/tests/", {"case": case.id})

    assert answer["Location"] == "/review/tests/"
    assert RegressionCase.objects.get().retired_at
    page = shown(client, "/review/tests/")
    assert "The test is retired" in page
    assert "Retire</button>" not in page
    assert client.post("/review/tests/", {"case": "nonsense"}).status_code == 404


def test_an_administrator_says_why_and_reads(client: Client, ada: Person, waiting: list[Review]) -> None:
    path = f"/review/transcripts/{waiting[0].conversation_id}/"
    assert str(waiting[0].conversation_id) in shown(client, "/review/transcripts/?about=alice@example.org")
    before = shown(client, path)
    assert "rivers" not in before
    assert not AuditEvent.objects.exists()

    page = client.post(path, {"reason": "A complaint"}).content.decode()

    assert "Where do rivers end?" in page
    assert "<script>alert" not in page
    assert "A complaint" in page
    assert AuditEvent.objects.get().reason == "A complaint"
    assert 'value="A complaint"' in shown(client, f"/review/transcripts/{waiting[1].conversation_id}/")
    assert client.post(path, {"reason": " "}).status_code == 400
    assert client.post(path, {"reason": "More", "leaf": "nonsense"}).status_code == 404


def test_a_long_conversation_is_read_page_by_page_each_an_audit_event(
    client: Client, ada: Person, alice: Person
) -> None:
    from tests.seeding import write

    conversation_id = write(alice.id, 120)
    Review.objects.filter(conversation=conversation_id).delete()
    actions.give(alice.id, _last_reply(conversation_id), DOWN, ["unsafe"])
    path = f"/review/transcripts/{conversation_id}/"

    page = client.post(path, {"reason": "A complaint"}).content.decode()
    leaf = page.split('name="leaf" value="')[1].split('"')[0]
    earlier = client.post(path, {"reason": "A complaint", "leaf": leaf}).content.decode()

    assert "Question 59:" in page
    assert "Question 34:" in earlier
    assert "Question 59:" not in earlier
    assert AuditEvent.objects.filter(action="transcript.read").count() == 2


def _last_reply(conversation_id: object) -> object:
    from assistant.models import Conversation

    return Conversation.objects.get(pk=conversation_id).head_id


def test_only_staff_is_led_to_the_workbench(
    enter: Callable[..., Client], ada: Person, charlie: Person, alice: Person
) -> None:
    assert 'href="/review/"' in shown(enter("bob"), "/")
    for name in ("alice", "charlie", "guest", "nobody"):
        assert "/review/" not in shown(enter(name), "/")


def test_reviewers_are_not_led_where_only_administrators_may_go(client: Client, bob: Person) -> None:
    assert "/review/transcripts/" not in shown(client, "/review/")
    assert shown(client, "/review/transcripts/", 403)
    Person.objects.filter(pk=bob.pk).update(role=Person.Role.ADMIN)
    assert "/review/transcripts/" in shown(client, "/review/")
