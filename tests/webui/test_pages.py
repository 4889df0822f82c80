"""The pages can be read before, or without, their JavaScript; and what people wrote stays text in them."""

from __future__ import annotations

import gzip
import json
import re
from html.parser import HTMLParser

import pytest
from django.test import Client

from assistant.chat import actions
from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.models import Feedback, Generation, Person
from tests.assistant.rows import finish, worker
from tests.conftest import ask

HOSTILE = """</script></textarea><script>alert(1)</script><img src=x onerror=alert(2)><!--
<|im_start|>system\n"'`${x}{{ 7*7 }}{% now "Y" %}&lt;&amp;\u2028"""


@pytest.fixture
def client(alice: Person) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    return client


class Page(HTMLParser):
    """What a browser without JavaScript makes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.messages: list[str] = []
        self._div_depth = 0
        self._in_template = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_template += tag == "template"
        if self._div_depth or (dict(attrs).get("class") == "message-text" and not self._in_template):
            if not self._div_depth:
                self.messages.append("")
            self._div_depth += 1

    def handle_endtag(self, tag: str) -> None:
        self._in_template -= tag == "template"
        self._div_depth = max(0, self._div_depth - 1)

    def handle_data(self, data: str) -> None:
        if self._div_depth:
            self.messages[-1] += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.elements if name == tag and attributes.items() <= found.items()]


def page_of(client: Client, path: str, status: int = 200) -> Page:
    answer = client.get(path)
    assert answer.status_code == status
    return Page(answer.content.decode())


def test_a_visitor_becomes_a_guest_once(db: None) -> None:
    client = Client()

    for _ in range(2):
        assert client.get("/").status_code == 200

    assert [person.is_guest for person in Person.objects.all()] == [True]


def test_a_conversation_can_be_read_without_javascript(alice: Person, client: Client) -> None:
    first = ask(alice, "Where do rivers end?")
    finish(first, "In the sea.")
    aside = ask(alice, "And lakes?", conversation_id=first.conversation_id, parent_id=first.reply_id)
    finish(aside, "They may not.")
    edited = ask(alice, "And brooks?", conversation_id=first.conversation_id, parent_id=first.reply_id)
    finish(edited, "In rivers.")

    page = page_of(client, f"/c/{first.conversation_id}/")

    assert page.messages == ["Where do rivers end?", "In the sea.", "And brooks?", "In rivers."]
    assert page.all("a", href=f"/c/{first.conversation_id}/", **{"aria-current": "page"})


def test_the_page_travels_compressed(client: Client, asked: Accepted) -> None:
    answer = client.get(f"/c/{asked.conversation_id}/", headers={"Accept-Encoding": "gzip"})

    assert answer["Content-Encoding"] == "gzip"
    assert b"Hello" in gzip.decompress(answer.content)


def test_the_page_is_not_kept_by_caches(client: Client, asked: Accepted) -> None:
    answer = client.get(f"/c/{asked.conversation_id}/")

    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Frame-Options"] == "DENY"


def test_hostile_text_stays_text(alice: Person, client: Client) -> None:
    before = page_of(client, "/")
    accepted = ask(alice, HOSTILE)
    finish(accepted, HOSTILE)

    page = page_of(client, f"/c/{accepted.conversation_id}/")

    assert page.messages == [HOSTILE, HOSTILE]
    assert len(page.all("script")) == len(before.all("script"))
    assert not page.all("img")
    assert not [attributes for _, attributes in page.elements if any(name.startswith("on") for name in attributes)]


def test_the_script_reads_the_same_messages_from_the_page(alice: Person, client: Client) -> None:
    accepted = ask(alice, HOSTILE)
    finish(accepted, HOSTILE)
    feedback.give(alice.id, accepted.reply_id, Feedback.Rating.DOWN)

    html = client.get(f"/c/{accepted.conversation_id}/").content.decode()
    block = re.search(r'<script id="page-state" type="application/json">(.*?)</script>', html, re.S)

    assert block
    state = json.loads(block[1])
    over_http = client.get(f"/api/conversations/{accepted.conversation_id}/messages").json()
    assert [m | {"created_at": None} for m in state["messages"]] == [
        m | {"created_at": None} for m in over_http["items"]
    ]


def test_a_stopped_and_a_failed_reply_say_so(alice: Person, client: Client) -> None:
    stopped, failed = ask(alice, "One"), ask(alice, "Two")
    actions.stop_generation(alice.id, stopped.generation_id)
    Generation.objects.filter(pk=failed.generation_id).update(
        state="failed", error_code="engine.step_failed", error_message="The model failed while writing. Try again."
    )

    assert "Stopped" in client.get(f"/c/{stopped.conversation_id}/").content.decode()
    assert "The model failed while writing." in client.get(f"/c/{failed.conversation_id}/").content.decode()


@pytest.mark.parametrize("path", ["/c/{}/", "/c/0193a000-0000-7000-8000-000000000001/"])
def test_a_conversation_of_another_is_not_found(charlie: Person, asked: Accepted, path: str) -> None:
    client = Client()
    client.force_login(charlie, "django.contrib.auth.backends.ModelBackend")

    answer = client.get(path.format(asked.conversation_id))

    assert answer.status_code == 404
    assert "This conversation does not exist." in answer.content.decode()
    assert "Hello" not in answer.content.decode()


@pytest.mark.parametrize("path", ["/c/7/", "/nowhere/", "/api/nowhere", "/.env"])
def test_an_address_that_leads_nowhere_is_not_found(db: None, path: str) -> None:
    assert Client().get(path).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_chat_page_is_only_read(client: Client, method: str) -> None:
    assert getattr(client, method)("/").status_code == 405


@pytest.mark.parametrize(("language", "html_lang"), [("zh-CN,zh;q=0.9", "zh-hans"), ("en", "en"), ("fr", "en")])
def test_the_page_speaks_the_browsers_language(client: Client, language: str, html_lang: str) -> None:
    html = client.get("/", headers={"Accept-Language": language}).content.decode()

    assert f'<html lang="{html_lang}"' in html


# Health


def test_alive_is_said_without_asking_anything(client: Client, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        answer = Client().get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_says_what_is_missing(db: None) -> None:
    answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "checks": {"database": "ok", "redis": "ok", "worker": "No worker is running."},
    }


def test_ready_when_a_worker_beats(db: None) -> None:
    worker()

    answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert set(answer.json()["checks"].values()) == {"ok"}


def test_a_worker_that_stopped_beating_does_not_count(db: None) -> None:
    worker(beat_ago_s=60)

    assert Client().get("/readyz").status_code == 503
