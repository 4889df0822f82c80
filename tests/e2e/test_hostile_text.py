"""A corpus of hostile texts, as what a person writes, as what the model writes, and as titles: wherever they are shown,
no script runs, nothing is asked of another host, and the browser has nothing to refuse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.corpus import hostile_strings, storable
from tests.e2e.browsing import Visitor, questions, replies, send, until_state
from tests.product import ROOT, Product

pytestmark = pytest.mark.e2e

CONVERSATIONS = 13  # so that a page shows all of one
PASSWORD = "quiet-Harbour-42"
# What a script of theirs would leave behind, and what the browser kept from happening.
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective + event.blockedURI));
"""
STRANGERS = "base, iframe, object, embed, meta[http-equiv], form[action^=http], [onerror], [src*=canary]"
HARM = f"""() => ({{
  pwned: String(window.pwned), violations, prototype: Object.keys(Object.prototype),
  strangers: document.querySelectorAll("{STRANGERS}").length,
}})"""
UNHARMED = {"pwned": "undefined", "violations": [], "prototype": [], "strangers": 0}


@dataclass
class Told:
    """What alice and the model have said: each text alone in a message of hers and in an answer."""

    url: str
    cookies: dict[str, str]
    texts: dict[str, list[str]]  # by conversation


@pytest.fixture(scope="module")
def canary() -> Iterator[tuple[str, list[str]]]:
    """The address of another host, and what was asked of it."""
    asked: list[str] = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_HEAD = do_OPTIONS = do_GET

    with ThreadingHTTPServer(("127.0.0.1", 0), Canary) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://canary.localhost:{server.server_port}", asked
        server.shutdown()


@pytest.fixture(scope="module")
def echoing() -> Iterator[Product]:
    """The product with a model that says whatever it is told, one character at a time."""
    with Product("tokens_per_second=0&echo=1", MAX_REPLY_TOKENS="40000") as product:
        yield product


@pytest.fixture(scope="module")
def told(echoing: Product, canary: tuple[str, list[str]]) -> Told:
    """Written into the tables: through the product, one after the other, they would take minutes."""
    texts = storable(hostile_strings(canary[0]))
    assert len(texts) >= 300
    with httpx2.Client(base_url=echoing.url) as alice:
        page = alice.get("/").text
        cookies = dict(alice.cookies)
    person_id = re.search(r'data-person-id="([^"]+)"', page)
    assert person_id
    shares = [texts[i::CONVERSATIONS] for i in range(CONVERSATIONS)]
    program = Path(__file__).with_name("hostile_rows.py").read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", program],
        cwd=ROOT,
        env=echoing.environment,
        input=json.dumps({"person_id": person_id[1], "shares": shares, "password": PASSWORD}),
        capture_output=True,
        text=True,
        check=True,
    )
    return Told(echoing.url, cookies, dict(zip(json.loads(done.stdout), shares, strict=True)))


@pytest.fixture
def page(browser: Browser, echoing: Product, canary: tuple[str, list[str]]) -> Iterator[Page]:
    """At the end nobody may have been harmed: neither a page that was opened, nor by a request, nor by a complaint."""
    visitor = Visitor(browser, echoing.url)
    visitor.context.add_init_script(WATCH)
    page = visitor.context.new_page()
    page.on("dialog", lambda dialog: (visitor.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    yield page
    assert_unharmed(page)
    visitor.context.close()
    assert [problem for problem in visitor.problems if "/favicon.ico" not in problem] == []
    assert canary[1] == []


def assert_unharmed(page: Page) -> None:
    assert page.evaluate(HARM) == UNHARMED


def become_alice(page: Page, told: Told) -> None:
    page.context.add_cookies([{"name": name, "value": value, "url": told.url} for name, value in told.cookies.items()])


# Where the texts are shown. Each opens its pages, one after the other, and yields when one stands there whole.


def chat(page: Page, told: Told) -> Iterator[None]:
    become_alice(page, told)
    for conversation_id, texts in told.texts.items():
        page.goto(f"/c/{conversation_id}/")
        until_state(replies(page).last, "completed")
        expect(questions(page).last.locator(".message-text")).to_have_text(texts[-1], use_inner_text=False)
        for element in (questions(page).last, replies(page).last):
            element.hover()
        yield


def sidebar(page: Page, told: Told) -> Iterator[None]:
    become_alice(page, told)
    page.goto(f"/c/{next(iter(told.texts))}/")
    more = page.get_by_role("button", name="Show more")
    shown = page.locator("#sidebar li a")
    while more.is_visible():
        before = shown.count()
        more.click()
        expect(shown).not_to_have_count(before)
        yield
    titles = set(shown.evaluate_all("(links) => links.map((link) => link.textContent)"))
    assert titles >= {titled(text) for texts in told.texts.values() for text in texts}
    # Renamed, so that they come to the open page by themselves.
    headers = {"X-CSRFToken": told.cookies["csrftoken"], "Origin": told.url}
    for conversation_id, texts in told.texts.items():
        answer = page.request.patch(f"/api/conversations/{conversation_id}", data={"title": texts[-1]}, headers=headers)
        assert answer.status == 204
    last = next(iter(told.texts.values()))[-1]
    page.wait_for_function("(title) => document.querySelector('.chat__title').textContent === title", arg=titled(last))
    yield
    page.reload()  # and again from the server
    yield


def titled(text: str) -> str:
    return " ".join(text.split())[:200]


def admin(page: Page, told: Told) -> Iterator[None]:
    page.goto("/admin/")
    page.get_by_label("Email").fill("root@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/admin/")
    for model in ("person", "adapter"):
        for number in range(1, 5):
            page.goto(f"/admin/assistant/{model}/?p={number}")
            expect(page.locator("#result_list")).to_be_visible()
            yield
        page.locator("#result_list tbody a").first.click()
        expect(page.locator(".readonly").first).to_be_visible()
        yield


def found(page: Page, told: Told) -> Iterator[None]:
    become_alice(page, told)
    page.goto("/")
    page.keyboard.press("Control+k")
    for word in ("script", "onerror", "javascript", "img", "svg", "canary"):
        page.get_by_role("combobox").fill(word)
        expect(page.locator("dialog mark").first).to_have_text(re.compile(word, re.IGNORECASE))
        yield


def shared(page: Page, told: Told) -> Iterator[None]:
    become_alice(page, told)
    headers = {"X-CSRFToken": told.cookies["csrftoken"], "Origin": told.url}
    for conversation_id, texts in told.texts.items():
        address = f"/api/conversations/{conversation_id}/share"
        answer = page.request.put(address, data={"audience": "anyone"}, headers=headers)
        page.goto(answer.json()["link"]["path"])
        expect(questions(page).last.locator(".message-text")).to_have_text(texts[-1], use_inner_text=False)
        yield
    page.goto("/data/links/")
    expect(page.get_by_role("link").first).to_be_visible()
    yield


def exported(page: Page, told: Told) -> Iterator[None]:
    """In the hands of a reader that guards against nothing, as those are that people open Markdown with."""
    become_alice(page, told)
    page.goto("/")
    marked = json.loads(page.locator("script[type=importmap]").text_content() or "")["imports"]["marked"]
    reader = f"""<!doctype html><body><script type="module">
    import {{ marked }} from "{marked}";
    window.read = (text) => document.body.setHTMLUnsafe(marked.parse(text));
    </script>"""
    page.route("**/reader", lambda route: route.fulfill(content_type="text/html", body=reader))
    page.goto("/reader")
    for conversation_id in told.texts:
        for kind in ("json", "md"):
            answer = page.request.get(f"/c/{conversation_id}/export.{kind}")
            assert answer.headers["content-disposition"].startswith("attachment")  # no browser opens it as a page
        page.evaluate("(text) => read(text)", answer.text())
        page.wait_for_timeout(50)  # whatever is asked for is asked for by now
        schemes = page.locator("a").evaluate_all("(links) => links.map((link) => link.protocol)")
        assert schemes
        assert {*schemes} <= {"http:", "https:", "mailto:", ":"}  # the last leads nowhere
        yield


PLACES: dict[str, Callable[[Page, Told], Iterator[None]]] = {
    "chat": chat,
    "sidebar": sidebar,
    "found": found,
    "shared": shared,
    "exported": exported,
    "admin": admin,
}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_comes_of_it_where_it_is_shown(place: str, page: Page, told: Told) -> None:
    for _ in PLACES[place](page, told):
        assert_unharmed(page)


def test_nothing_comes_of_it_while_it_is_written_and_answered(page: Page, told: Told) -> None:
    """All of it in one message, through everything between the keyboard and the screen."""
    text = "\n\n".join(text for share in told.texts.values() for text in share)
    page.goto("/")

    send(page, text)

    until_state(replies(page).last, "completed", patience_ms=60_000)
    assert questions(page).last.locator(".message-text").text_content() == text
    assert page.evaluate("document.querySelector('chat-message[data-role=assistant]').text") == text


def test_nothing_comes_of_it_cut_at_any_position(page: Page, canary: tuple[str, list[str]]) -> None:
    """Each text alone, and every beginning of it, as a stream shows them; control characters too, which a model may
    say. Here the page's own element is told directly: the network adds nothing but time."""
    page.goto("/")

    shown = page.evaluate(
        """async (texts) => {
            const { ChatMessage } = await import("chat_message");
            let shown = 0;
            for (const text of texts) {
                const element = ChatMessage.create("assistant");
                document.querySelector("main").append(element);
                element.note({ kind: "started", dropped_messages: 0 });
                const characters = [...text];
                for (let length = 1; length <= characters.length; length += 1) {
                    element.show(characters.slice(0, length).join(""));
                    element.note({ kind: "started", dropped_messages: 0 }); // draws at once, and waits for no frame
                    shown += 1;
                }
                element.note({ kind: "finished", finish_reason: "stop" });
                await new Promise((resolve) => setTimeout(resolve)); // what a handler would have been queued for
                element.remove();
            }
            return shown;
        }""",
        hostile_strings(canary[0]),
    )

    assert shown > 10_000
