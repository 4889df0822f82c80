"""Who a visitor is: what they say of themselves, and what the shop's server has signed."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable

import jwt
import pytest
from PIL import Image
from playwright.sync_api import Route, expect
from uuid_utils.compat import uuid7

from tests.e2e.browsing import REFUSAL
from tests.e2e.hosts.server import Host
from tests.e2e.shop_site import ShopSite, change_site, shop_site
from tests.e2e.widget import ask, box, chat, open_chat, say, told, until_ready
from tests.e2e.widget_visitors import ShopVisitor
from tests.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
Come = Callable[..., ShopVisitor]


def signed(by: ShopSite, subject: str) -> str:
    claims = {"sub": subject, "aud": by.id, "exp": int(time.time()) + 300, "jti": str(uuid7()), "name": subject.title()}
    return jwt.encode(claims, by.secret, algorithm="HS256")


@pytest.fixture(scope="module")
def members(product: Product, host: Host) -> ShopSite:
    """A site that takes nobody whom it has not signed."""
    return shop_site(product, host.url, name="Members", is_identity_required=True)


@pytest.fixture(scope="module")
def asking(product: Product, host: Host) -> ShopSite:
    """A site that asks who somebody is before the first message."""
    fields = [{"name": "email", "label": "Your e-mail", "is_required": True}, {"name": "order", "label": "Your order"}]
    return shop_site(product, host.url, name="Asking", pre_chat=fields, asks_training_consent=True)


def test_whom_the_shop_has_signed_finds_their_conversation_in_another_browser(
    come: Come,
    site: ShopSite,
) -> None:
    page = come().open()
    frame = open_chat(page)
    ask(frame, "Said as nobody")

    page.evaluate("identity => Parley.identify(identity)", signed(site, "anna"))

    page.wait_for_function("() => window.parleySaid.includes('identified')")
    elsewhere = come().open()
    until_ready(elsewhere)
    elsewhere.evaluate("identity => Parley.identify(identity)", signed(site, "anna"))
    elsewhere.wait_for_timeout(500)
    expect(told(open_chat(elsewhere), "user")).to_contain_text("Said as nobody")


def test_what_was_asked_as_nobody_is_answered_before_one_is_known(come: Come, site: ShopSite) -> None:
    page = come().open()
    frame = open_chat(page)
    held: list[Route] = []
    page.route(re.compile(r"/messages\b"), lambda route: held.append(route))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ask(frame, "Said as nobody")
    while not held:
        page.wait_for_timeout(20)

    page.evaluate("identity => void Parley.identify(identity)", signed(site, "anna"))
    page.wait_for_timeout(300)  # nothing is to happen

    assert not [url for url in asked if url.endswith("/identity")]
    for route in held:
        route.continue_()
    page.unroute(re.compile(r"/messages\b"))
    page.wait_for_function("() => window.parleySaid.includes('identified')")


def test_a_page_that_lies_is_told_why_and_the_visitor_stays_nobody(come: Come, site: ShopSite) -> None:
    visitor = come()
    page = visitor.open()
    until_ready(page)
    forged = jwt.encode({"sub": "anna", "aud": site.id, "exp": int(time.time()) + 60, "jti": "1"}, "x" * 40)

    refusal = page.evaluate("forged => Parley.identify(forged).catch((problem) => problem.message)", forged)

    assert "could not be confirmed" in refusal
    visitor.forgive(REFUSAL)


def test_where_identity_is_demanded_nobody_else_says_anything(
    come: Come,
    members: ShopSite,
    product: Product,
) -> None:
    visitor = come()
    page = visitor.open(f"/?site={members.id}")
    frame = open_chat(page)

    say(frame, "Let me in")

    expect(frame.get_by_role("alert").filter(has_text="Sign in on this site")).to_be_visible()
    expect(box(frame)).to_have_value("Let me in")
    page.evaluate("identity => Parley.identify(identity)", signed(members, "berta"))
    page.wait_for_function("() => window.parleySaid.includes('identified')")
    page.wait_for_function("() => window.parleySaid.filter((name) => name === 'open').length === 2")
    ask(chat(page), "Now I am known")
    assert product.rows("SELECT count(*) FROM assistant_message WHERE text = 'Let me in'") == [(0,)]
    visitor.forgive(REFUSAL)


def test_one_who_is_known_is_refused_once_the_site_demands_more(
    come: Come,
    product: Product,
    host: Host,
) -> None:
    """The socket is open already; not only its opening is guarded."""
    strict = shop_site(product, host.url, name="Strict later")
    visitor = come()
    frame = open_chat(visitor.open(f"/?site={strict.id}"))
    ask(frame, "Before")

    change_site(product, strict, is_identity_required=True)
    say(frame, "After")

    expect(frame.get_by_role("alert").filter(has_text="Sign in on this site").first).to_be_visible()
    assert product.rows("SELECT count(*) FROM assistant_message WHERE text = 'After'") == [(0,)]
    visitor.forgive(REFUSAL)


def test_the_form_comes_first_and_consent_is_free(come: Come, asking: ShopSite, product: Product) -> None:
    page = come().open(f"/?site={asking.id}")
    frame = open_chat(page)
    expect(box(frame)).to_be_hidden()
    consent = frame.get_by_role("checkbox", name="may be used to improve")
    expect(consent).not_to_be_checked()
    frame.get_by_role("button", name="Begin").click()
    expect(frame.get_by_role("alert").filter(has_text="marked with a star")).to_be_visible()

    frame.get_by_label("Your e-mail").fill("carla@example.org")
    frame.get_by_label("Your order").fill("17")
    consent.check()
    frame.get_by_role("button", name="Begin").click()

    ask(frame, "Where is it?")
    assert product.until_rows(
        "SELECT 1 FROM assistant_visitor JOIN assistant_person ON assistant_person.id = person_id"
        " WHERE assistant_visitor.email = 'carla@example.org' AND training_consent_at IS NOT NULL"
    )


@pytest.fixture
def picture() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (320, 200), "#2f7d5f").save(data, "PNG")
    return data.getvalue()


def test_a_picture_goes_along_and_is_shown(come: Come, picture: bytes) -> None:
    visitor = come()
    page = visitor.open()
    frame = open_chat(page)
    ask(frame, "My spade broke")
    attach = frame.get_by_role("button", name="Attach an image or a text file")
    with page.expect_file_chooser() as choosing:
        attach.click()
    choosing.value.set_files({"name": "broken.exe", "mimeType": "image/png", "buffer": b"MZ\x90\x00"})
    expect(frame.get_by_role("alert").filter(has_text="Only images")).to_be_visible()

    with page.expect_file_chooser() as choosing:
        attach.click()
    choosing.value.set_files({"name": "spade.png", "mimeType": "image/png", "buffer": picture})
    expect(frame.get_by_role("button", name="Remove spade.png")).to_be_visible()
    ask(frame, "See")

    image = told(frame, "user").last.get_by_role("img", name="spade.png")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 320
    visitor.forgive(REFUSAL)


def test_a_message_waits_for_its_picture(come: Come, picture: bytes) -> None:
    page = come().open()
    frame = open_chat(page)
    ask(frame, "My spade broke")
    held: list[Route] = []
    page.route("**/api/widget/attachments", lambda route: held.append(route))
    with page.expect_file_chooser() as choosing:
        frame.get_by_role("button", name="Attach an image or a text file").click()
    choosing.value.set_files({"name": "spade.png", "mimeType": "image/png", "buffer": picture})
    expect(frame.get_by_text("Uploading spade.png")).to_be_visible()

    box = frame.get_by_role("textbox", name="Message", exact=True)
    box.fill("See")
    box.press("Enter")

    expect(box).to_have_value("See")
    expect(told(frame, "user")).to_have_count(1)
    for route in held:
        route.continue_()
    expect(frame.get_by_role("button", name="Remove spade.png")).to_be_visible()
    box.press("Enter")
    expect(told(frame, "user").last.get_by_role("img", name="spade.png")).to_be_visible()
