"""What /metrics says is what happened, of all processes, and nothing of anybody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from assistant.chat import actions, leases
from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.metrics import counts
from assistant.metrics.catalog import REPLIES
from assistant.models import Feedback, Generation, Person, Review, Worker
from assistant.rollout import actions as rollout_actions
from assistant.runtime.valkey import EmbeddedValkey
from inference.contract import EngineFailure, StreamEvent
from tests.assistant.answering import ENGINE, claimed
from tests.assistant.rollouts import admin, evaluated, trained
from tests.conftest import ask
from tests.scraping import nothing_counted, scrape
from webui.metrics import views
from webui.open_sockets import hold

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_known_yet(valkey: EmbeddedValkey) -> None:
    nothing_counted()


def end(accepted: Accepted, event: StreamEvent) -> None:
    reply, _ = claimed(accepted, None)
    assert leases.end(reply, event, ENGINE)


def test_replies_are_counted_by_how_they_ended(client: Client, alice: Person) -> None:
    for reason in ("stop", "stop", "length", "cancelled"):
        end(ask(alice), StreamEvent("finished", "", finish_reason=reason))
    for code in ("engine.step_failed", "elsewhere.made_up"):
        end(ask(alice), StreamEvent("failed", "", failure=EngineFailure(code, "No.", retryable=False)))
    found = scrape(client)

    assert found.value("parley_replies_total", outcome="completed", reason="stop") == 2
    assert found.value("parley_replies_total", outcome="completed", reason="length") == 1
    assert found.value("parley_replies_total", outcome="cancelled", reason="cancelled") == 1
    assert found.value("parley_replies_total", outcome="failed", reason="engine.step_failed") == 1
    assert found.value("parley_replies_total", outcome="failed", reason="other") == 1
    assert found.sum("parley_replies_total") == 6
    assert found.value("parley_reply_wait_seconds_count") == 6


def test_a_reply_that_is_stopped_before_any_worker_took_it_counts(
    client: Client, alice: Person, asked: Accepted, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            actions.stop_generation(alice.id, asked.generation_id)

    assert scrape(client).value("parley_replies_total", outcome="cancelled", reason="cancelled") == 1


def test_the_wait_is_from_the_question_to_the_first_worker_alone(client: Client, asked: Accepted) -> None:
    Generation.objects.update(created_at=Generation.objects.get().created_at.replace(year=2020))
    reply, _ = claimed(asked, None, beat_ago_s=60)
    assert reply
    claimed(asked, None)  # another takes over

    found = scrape(client)
    assert found.value("parley_reply_wait_seconds_count") == 1
    assert found.value("parley_reply_wait_seconds_bucket", le="300.0") == 0
    assert found.value("parley_reply_wait_seconds_bucket", le="+Inf") == 1


def test_what_people_say_of_replies_is_counted(
    client: Client, alice: Person, asked: Accepted, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        feedback.give(alice.id, asked.reply_id, Feedback.Rating.UP)
        feedback.give(alice.id, asked.reply_id, Feedback.Rating.DOWN, ["incorrect"], correction="It is 4.")
        feedback.withdraw(alice.id, asked.reply_id)
    found = scrape(client)

    assert found.value("parley_feedback_total", kind="thumb", verb="given", value="up") == 1
    assert found.value("parley_feedback_total", kind="thumb", verb="changed", value="down") == 1
    assert found.value("parley_feedback_total", kind="correction", verb="given", value="") == 1
    assert found.sum("parley_feedback_total", verb="withdrawn") == 2


def test_requests_are_counted_by_the_pattern_of_their_address(client: Client, alice: Person, asked: Accepted) -> None:
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    client.get(f"/c/{asked.conversation_id}/")
    client.get(f"/c/{uuid4()}/")
    client.get("/no-such-page/" + "x" * 50)
    client.get("/static/no-such-file.js")
    client.generic("BREW", "/")
    client.get(f"/api/conversations/{asked.conversation_id}/messages")
    found = scrape(client)

    def requests(route: str, method: str, status: str) -> float | None:
        name = "parley_http_request_duration_seconds_count"
        return found.value(name, route=route, method=method, status=status)

    assert requests("/c/<uuid:conversation_id>/", "GET", "200") == 1
    assert requests("/c/<uuid:conversation_id>/", "GET", "404") == 1
    assert requests("none", "GET", "404") == 2
    assert requests("/", "other", "405") == 1
    assert requests("/api/conversations/<uuidstr:conversation_id>/messages", "GET", "200") == 1
    assert found.sum("parley_http_request_duration_seconds_count") == 6
    assert found.sum("parley_http_request_duration_seconds_bucket", le="+Inf") == 6
    assert found.sum("parley_http_request_duration_seconds_sum") > 0


def test_nothing_of_anybody_is_in_it(client: Client, alice: Person, asked: Accepted) -> None:
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    client.get(f"/c/{asked.conversation_id}/?message={asked.message_id}", headers={"User-Agent": "Someone's phone"})
    client.get("/api/search?q=secret-words")
    client.get("/alice@example.org/")
    text = scrape(client).text

    for private in ("alice", "Hello", "secret-words", "phone", "127.0.0.1", *map(str, (alice.id, *_ids(asked)))):
        assert private not in text


def _ids(asked: Accepted) -> Iterator[UUID]:
    yield from (asked.conversation_id, asked.message_id, asked.reply_id, asked.generation_id)


def test_what_waits_is_counted_and_for_how_long(client: Client, alice: Person) -> None:
    asked = [ask(alice) for _ in range(3)]
    Generation.objects.filter(pk=asked[2].generation_id).update(state=Generation.State.RUNNING)
    old = Generation.objects.get(pk=asked[0].generation_id)
    Generation.objects.filter(pk=old.pk).update(created_at=old.created_at.replace(year=old.created_at.year - 1))
    found = scrape(client)

    assert (found.value("parley_replies_queued"), found.value("parley_replies_running")) == (2, 1)
    waited = found.value("parley_oldest_waiting_seconds", what="reply")
    assert waited is not None
    assert waited > 364 * 24 * 3600
    assert found.value("parley_oldest_waiting_seconds", what="training") == 0


def test_counts_of_what_waits_end_somewhere(client: Client, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.monitoring.BOUND", 2)
    for _ in range(3):
        ask(alice)

    assert scrape(client).value("parley_replies_queued") == 2


def test_reviews_and_runs_are_counted(client: Client, alice: Person, asked: Accepted) -> None:
    feedback.give(alice.id, asked.reply_id, Feedback.Rating.DOWN, ["unsafe"])
    evaluated(trained("a"), "pass")
    assert Review.objects.count() == 1
    found = scrape(client)

    assert found.value("parley_reviews_pending") == 1
    assert found.value("parley_runs", kind="training", state="completed") == 1
    assert found.value("parley_runs", kind="evaluation", state="completed") == 1
    assert found.value("parley_runs", kind="training", state="failed") == 0


def test_a_rollout_is_followed_on_its_way_and_back(client: Client, db: None) -> None:
    adapter, ada = trained("a"), admin()
    evaluated(adapter, "pass")
    assert scrape(client).value("parley_rollout_stage", stage="full") == 1

    rollout_actions.start(ada, adapter)
    shadow = scrape(client)
    rollout_actions.advance(ada)
    canary = scrape(client)
    rollout_actions.roll_back(ada, "No.")
    back = scrape(client)

    assert [shadow.value("parley_rollout_stage", stage=stage) for stage in ("shadow", "canary", "full")] == [1, 0, 0]
    assert [canary.value("parley_rollout_stage", stage=stage) for stage in ("shadow", "canary", "full")] == [0, 1, 0]
    assert canary.value("parley_rollout_people_ratio") == 0.05
    assert shadow.value("parley_rollouts_ended_total", end="rolled_back", cause="none") == 0
    assert back.value("parley_rollouts_ended_total", end="rolled_back", cause="none") == 1
    assert back.value("parley_rollout_stage", stage="full") == 1


def test_what_another_version_counts_in_another_form_is_left_out(client: Client) -> None:
    counts.connection().hset(counts.KEY, '["parley_replies", "", "one", "two", "three"]', "7")
    counts.connection().hset(counts.KEY, '["parley_of_tomorrow", ""]', "7")
    counts.count(REPLIES, "completed", "stop")
    found = scrape(client)

    assert found.sum("parley_replies_total") == 1
    assert "tomorrow" not in found.text


def test_workers_are_counted_by_their_state(client: Client, db: None) -> None:
    for state in (Worker.State.READY, Worker.State.READY, Worker.State.STARTING):
        Worker.objects.create(host="h", pid=1, state=state, beat_at=timezone.now())
    Worker.objects.create(host="h", pid=1, state=Worker.State.READY, beat_at=timezone.now().replace(year=2020))
    found = scrape(client)

    states = [found.value("parley_workers", state=state) for state in ("ready", "starting", "draining")]
    assert states == [2, 1, 0]


def test_open_sockets_are_those_of_this_process(client: Client) -> None:
    with hold(uuid4(), "10.0.0.1", lambda: None), hold(uuid4(), "10.0.0.2", lambda: None):
        assert scrape(client).sum("parley_open_sockets") == 2
    assert scrape(client).sum("parley_open_sockets") == 0


def test_while_redis_is_away_it_answers_and_says_so(client: Client, settings: Settings, asked: Accepted) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    began = time.monotonic()
    found = scrape(client)

    assert time.monotonic() - began < 2
    assert (found.value("parley_redis_up"), found.value("parley_database_up")) == (0, 1)
    assert found.value("parley_replies_queued") == 1
    for absent in ("parley_engine_info", "parley_replies", "parley_http_request_duration_seconds"):
        assert absent not in found.families


def test_while_the_database_is_away_it_answers_and_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise DatabaseError("connection refused")

    monkeypatch.setattr(views, "product_state", away)
    found = scrape(client)

    assert (found.value("parley_redis_up"), found.value("parley_database_up")) == (1, 0)
    assert "parley_engine_info" in found.families
    for absent in ("parley_replies_queued", "parley_workers", "parley_runs"):
        assert absent not in found.families


def test_however_often_it_is_asked_the_database_is_not(client: Client) -> None:
    scrape(client)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(5):
            assert client.get("/metrics").status_code == 200
    assert len(queries) == 0


def test_it_speaks_the_newer_format_to_whom_it_is_asked_for(client: Client) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.endswith(b"# EOF\n")
    plain = client.get("/metrics").headers["Content-Type"]
    assert plain.startswith("text/plain; version=")
