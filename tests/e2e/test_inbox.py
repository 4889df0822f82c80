"""Agents at work in the inbox, with visitors on the other side: two browsers, several tabs, keys, phone, Chinese."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlencode
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.browsing import OUTAGE, PATIENCE_MS, PHONE, REFUSAL, Visitor, png
from tests.e2e.desk_rows import PASSWORD, Desk
from tests.e2e.test_accessibility import BROWSERS, serious
from tests.e2e.test_chinese import ENGLISH, NAMES, SAID
from tests.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# What agents, sites and visitors are called here, these also where they have no name.
THEIRS = re.compile(r"Ada|Bulk \d|First|Second|Dora|Eve|Shop|refund|urgent|访客 [0-9a-f]{4}")
DORA, EVE = "dora@example.org", "eve@example.org"


@pytest.fixture(scope="module")
def desk(product: Product) -> Iterator[Desk]:
    with Desk(product) as desk:
        desk.agent(DORA)
        desk.agent(EVE)
        desk.labels("refund", "urgent")
        desk.ready_reply("hello", "Hello! How can I help?")
        yield desk


@pytest.fixture
def waiting(desk: Desk) -> tuple[str, str]:
    """A visitor who waits for a person: who it is, and the conversation."""
    visitor = desk.visitor("Ada")
    conversation = desk.says(visitor, "Where is my order?", page="https://shop.example/orders/4711")
    desk.asks_for_a_person(conversation)
    return visitor, conversation


def at_desk(visitor: Visitor, email: str = DORA, path: str = "/desk/") -> Page:
    page = visitor.open(f"/accounts/login/?{urlencode({'next': path})}")
    page.locator("input[type=email]").fill(email)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator(".account__submit").click()
    page.wait_for_url(lambda url: url.endswith(path))
    expect(page.locator("#desk.is-live")).to_be_attached()
    return page


def open_case(page: Page, conversation: str) -> None:
    page.locator(f"[data-case-id='{conversation}'] .case__link").click()
    expect(page.locator(f"#case[data-case-id='{conversation}']")).to_be_attached()


def box(page: Page) -> Locator:
    return page.locator("#desk-composer textarea")


def items(page: Page) -> Locator:
    return page.locator("#case-items > [data-item]")


def said(page: Page, text: str) -> Locator:
    return page.locator("#case-items > [data-item]").filter(has_text=text)


def test_an_agent_takes_over_and_answers(arrive: Callable[..., Visitor], desk: Desk, waiting: tuple[str, str]) -> None:
    visitor, conversation = waiting
    page = at_desk(arrive())

    open_case(page, conversation)
    expect(page.locator("#case-why")).to_contain_text("The visitor asked for a person")
    expect(page.locator("#case-why")).to_contain_text("Where is my order?")
    page.get_by_role("button", name="Take over").click()
    expect(page.locator(".case-head .case__mode")).to_have_text("With a person")
    box(page).fill("It is on its way.")
    box(page).press("Enter")

    expect(said(page, "It is on its way.")).to_have_count(1)
    assert desk.sees(conversation) == [("user", "Where is my order?"), ("agent", "It is on its way.")]
    desk.says(visitor, "Thank you!", conversation)
    expect(said(page, "Thank you!")).to_be_visible()
    page.get_by_role("button", name="Return to the assistant").click()
    expect(page.locator(".case-head .case__mode")).to_have_text("With the assistant")
    expect(page.locator("#case-items > [data-role=assistant]")).to_be_attached()  # it answers what was said last


def test_two_agents_with_two_tabs_each_see_the_same_at_once(
    arrive: Callable[..., Visitor], desk: Desk, waiting: tuple[str, str]
) -> None:
    visitor, conversation = waiting
    path = f"/desk/cases/{conversation}/"
    dora, eve = arrive(), arrive()
    tabs = [at_desk(dora, DORA, path), dora.open(path), at_desk(eve, EVE, path), eve.open(path)]
    for tab in tabs:
        expect(tab.locator("#desk.is-live")).to_be_attached()
        expect(items(tab)).to_have_count(2)

    for number in range(3):
        desk.says(visitor, f"Visitor {number}", conversation)
        _until_all_show(tabs, f"Visitor {number}")
        box(tabs[number]).fill(f"Agent {number}")
        box(tabs[number]).press("Enter")
        _until_all_show(tabs, f"Agent {number}")

    texts = [tab.locator("#case-items .message-text").all_text_contents() for tab in tabs]
    assert texts == [[text for _, text in desk.sees(conversation)]] * 4


def _until_all_show(tabs: list[Page], text: str) -> None:
    began = time.monotonic()
    for tab in tabs:
        expect(said(tab, text)).to_have_count(1)
    print(f"{text}: in all tabs after {time.monotonic() - began:.2f} s")


def test_a_note_is_for_colleagues_alone(arrive: Callable[..., Visitor], desk: Desk, waiting: tuple[str, str]) -> None:
    _, conversation = waiting
    page = at_desk(arrive(), DORA, f"/desk/cases/{conversation}/")

    page.keyboard.press("Alt+p")
    expect(page.get_by_role("tab", name="Private note")).to_have_attribute("aria-selected", "true")
    page.keyboard.type("Please look, @ev")
    expect(page.get_by_role("option", name="Eve")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type("it is the lost parcel")
    page.keyboard.press("Enter")

    note = page.locator("article.note")
    expect(note).to_contain_text("Please look, @Eve it is the lost parcel")
    assert [text for _, text in desk.sees(conversation)] == ["Where is my order?"]
    eve = at_desk(arrive(), EVE, "/desk/")
    eve.get_by_role("link", name="You are mentioned").click()
    open_case(eve, conversation)
    expect(eve.locator("article.note")).to_contain_text("it is the lost parcel")


def test_files_go_with_a_reply(arrive: Callable[..., Visitor], desk: Desk, waiting: tuple[str, str]) -> None:
    _, conversation = waiting
    agent = arrive()
    page = at_desk(agent, DORA, f"/desk/cases/{conversation}/")
    chosen = page.get_by_role("list", name="Files to be sent")
    chooser = page.locator("#desk-composer input[type=file]")
    for name, content in (("map.png", png()), ("plan.txt", b"To the harbour"), ("x.txt", b"x")):
        chooser.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})
        expect(page.get_by_role("button", name=f"Remove {name}")).to_be_visible()
    page.get_by_role("button", name="Remove x.txt").click()
    page.keyboard.press("Alt+p")
    expect(chosen).to_be_hidden()  # a note takes none
    page.keyboard.press("Alt+l")
    box(page).press("Enter")  # the names are text enough

    message = said(page, "map.png, plan.txt")
    expect(message).to_have_count(1)
    expect(chosen).to_be_hidden()
    expect(message.get_by_role("img", name="map.png")).to_be_visible()
    assert message.get_by_role("img").evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 120
    with page.expect_download() as download:
        message.get_by_role("link", name="plan.txt").click()
    assert download.value.path().read_bytes() == b"To the harbour"
    chooser.set_input_files({"name": "no.png", "mimeType": "image/png", "buffer": b"%PDF-1.7\xff"})
    expect(page.get_by_role("alert")).to_contain_text("Only images")
    agent.forgive(REFUSAL)


def test_what_was_snoozed_and_is_back_is_told(
    arrive: Callable[..., Visitor], desk: Desk, product: Product, waiting: tuple[str, str]
) -> None:
    _, conversation = waiting
    page = at_desk(arrive(), DORA)
    row = page.locator(f"[data-case-id='{conversation}'].case")
    open_case(page, conversation)
    page.keyboard.press("Alt+m")
    page.get_by_role("button", name="For an hour").click()
    expect(row).to_have_count(0)

    desk.snooze_ends(conversation)

    expect(row).to_have_count(1, timeout=PATIENCE_MS)  # workers look every five seconds
    expect(page.locator(".toast")).to_contain_text("A snoozed conversation is back", timeout=PATIENCE_MS)


def test_a_ready_reply_is_found_by_a_stroke(
    arrive: Callable[..., Visitor], desk: Desk, waiting: tuple[str, str]
) -> None:
    _, conversation = waiting
    page = at_desk(arrive(), DORA, f"/desk/cases/{conversation}/")

    box(page).focus()
    page.keyboard.type("/hel")
    expect(page.get_by_role("option", name="hello")).to_be_visible()
    page.keyboard.press("Tab")
    expect(box(page)).to_have_value("Hello! How can I help?")
    page.keyboard.press("Enter")

    expect(said(page, "Hello! How can I help?")).to_have_count(1)
    assert desk.sees(conversation)[-1] == ("agent", "Hello! How can I help?")


def test_an_edited_suggestion_becomes_a_proposal(
    arrive: Callable[..., Visitor], desk: Desk, product: Product, waiting: tuple[str, str]
) -> None:
    _, conversation = waiting
    page = at_desk(arrive(), DORA, f"/desk/cases/{conversation}/")
    draft = page.locator("#drafts .draft")
    if not draft.count():
        page.get_by_role("button", name="Suggest a reply").click()
    expect(draft).to_have_attribute("data-state", "completed")
    suggested = draft.locator("[data-part=text]").text_content()

    draft.get_by_role("button", name="Edit first").click()
    expect(box(page)).to_have_value(suggested or "")
    box(page).fill("It left the harbour on Monday.")
    box(page).press("Enter")
    expect(said(page, "It left the harbour on Monday.")).to_have_count(1)
    expect(draft).to_have_count(0)

    query = (
        "SELECT f.correction FROM assistant_review r JOIN assistant_feedback f ON f.message_id = r.message_id "
        "WHERE r.conversation_id = %s"
    )
    assert product.until_rows(query, UUID(conversation)) == [("It left the harbour on Monday.",)]
    assert desk.sees(conversation)[-1] == ("agent", "It left the harbour on Monday.")


def test_keys_lead_from_case_to_case(arrive: Callable[..., Visitor], desk: Desk) -> None:
    for name in ("First", "Second"):
        desk.asks_for_a_person(desk.says(desk.visitor(name), f"I am {name}"))
    page = at_desk(arrive(), DORA, "/desk/?order=newest")
    case = page.locator("#case")

    page.keyboard.press("Alt+j")
    expect(case).to_have_attribute("data-visitor", "Second")
    page.keyboard.press("Alt+j")
    expect(case).to_have_attribute("data-visitor", "First")
    page.keyboard.press("Alt+k")
    expect(case).to_have_attribute("data-visitor", "Second")
    page.keyboard.press("Alt+e")
    expect(page.locator(".case-head .case__mode")).to_have_text("Resolved")
    page.keyboard.press("Alt+j")
    expect(case).to_have_attribute("data-visitor", "First")
    page.keyboard.press("Alt+m")
    page.get_by_role("button", name="For an hour").click()
    expect(page.locator(".case[data-case-id]").filter(has_text="I am First")).to_have_count(0)
    page.keyboard.press("Control+k")
    page.keyboard.type("with the assistant")
    expect(page.get_by_role("dialog").get_by_role("option").first).to_contain_text("With the assistant")
    page.keyboard.press("Enter")
    expect(page.locator("#filters [data-status=assistant]")).to_have_attribute("aria-current", "true")


def test_many_are_changed_at_once(arrive: Callable[..., Visitor], desk: Desk) -> None:
    for number in range(3):
        desk.asks_for_a_person(desk.says(desk.visitor(f"Bulk {number}"), f"Bulk question {number}"))
    page = at_desk(arrive(), DORA, "/desk/?q=bulk&order=newest")
    rows = page.locator("#cases > .case")
    expect(rows).to_have_count(3)

    for row in rows.all():
        row.get_by_role("checkbox").check()
    expect(page.get_by_role("toolbar")).to_contain_text("Chosen: 3")
    page.get_by_role("toolbar").get_by_label("Add a label").select_option("urgent")
    expect(rows.locator(".badge", has_text="urgent")).to_have_count(3)
    for row in rows.all():
        row.get_by_role("checkbox").check()
    page.get_by_role("toolbar").get_by_role("button", name="Resolve").click()

    expect(rows).to_have_count(0)


def test_what_is_written_offline_is_sent_once(
    arrive: Callable[..., Visitor], desk: Desk, waiting: tuple[str, str]
) -> None:
    _, conversation = waiting
    dora = arrive()
    page = at_desk(dora, DORA, f"/desk/cases/{conversation}/")

    dora.context.set_offline(True)
    expect(page.locator("#connection")).to_contain_text("You are offline")
    for text in ("Written on the train", "And in the tunnel"):
        box(page).fill(text)
        box(page).press("Enter")
    expect(page.locator("#case-items > [data-state=pending]")).to_have_count(2)
    dora.context.set_offline(False)

    expect(said(page, "And in the tunnel")).to_have_count(1)
    expect(page.locator("#case-items > [data-state=pending]")).to_have_count(0)
    expect(page.locator("#connection")).to_be_hidden()
    told = [("agent", "Written on the train"), ("agent", "And in the tunnel")]
    assert desk.sees(conversation) == [("user", "Where is my order?"), *told]
    dora.forgive(OUTAGE)


def test_a_colleague_who_types_is_seen(arrive: Callable[..., Visitor], desk: Desk, waiting: tuple[str, str]) -> None:
    _, conversation = waiting
    dora = at_desk(arrive(), DORA, f"/desk/cases/{conversation}/")
    eve = at_desk(arrive(), EVE, f"/desk/cases/{conversation}/")

    expect(dora.locator("#others")).to_contain_text("Eve is looking at this too.")
    box(eve).press_sequentially("I am on")
    expect(dora.locator("#others")).to_contain_text("Eve is writing here too.")
    expect(dora.locator("#others")).to_have_class("case-others is-warning")


def test_what_is_read_in_one_tab_is_read_in_the_other(
    arrive: Callable[..., Visitor], desk: Desk, waiting: tuple[str, str]
) -> None:
    _, conversation = waiting
    dora = arrive()
    page, other = at_desk(dora), dora.open("/desk/")
    row = other.locator(f"[data-case-id='{conversation}'].case")
    expect(row).to_have_attribute("data-unread", "")

    page.bring_to_front()
    open_case(page, conversation)

    expect(row).not_to_have_attribute("data-unread", "")


def test_labels_and_assignment_stand_in_the_details(
    arrive: Callable[..., Visitor], desk: Desk, waiting: tuple[str, str]
) -> None:
    _, conversation = waiting
    page = at_desk(arrive(), DORA, f"/desk/cases/{conversation}/")

    page.locator(".case-head").get_by_role("button", name="Details").click()
    details = page.get_by_role("complementary", name="Details")
    expect(details.get_by_role("link", name="https://shop.example/orders/4711")).to_be_visible()
    details.get_by_label("refund").check()
    expect(page.locator(f".case[data-case-id='{conversation}'] .badge")).to_have_text("refund")
    details.get_by_label("Assigned to").select_option(label="Eve")
    expect(page.locator(f".case[data-case-id='{conversation}']")).to_contain_text("Eve")


def test_it_can_be_read_before_scripts(
    browser: Browser, product: Product, desk: Desk, waiting: tuple[str, str]
) -> None:
    _, conversation = waiting
    visitor = Visitor(browser, product.url, java_script_enabled=False)
    page = visitor.open("/accounts/login/?next=/desk/")
    page.locator("input[type=email]").fill(DORA)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator(".account__submit").click()

    page.locator(f"[data-case-id='{conversation}'] .case__link").click()

    expect(page.locator("#case-items")).to_contain_text("Where is my order?")
    expect(page.locator("#desk-composer noscript p")).to_be_visible()
    visitor.context.close()


def test_on_a_phone_the_panes_come_one_after_the_other(
    arrive: Callable[..., Visitor], desk: Desk, waiting: tuple[str, str]
) -> None:
    _, conversation = waiting
    page = at_desk(arrive(**PHONE))
    expect(page.locator("#case")).to_be_hidden()

    page.locator(f"[data-case-id='{conversation}'] .case__link").tap()
    expect(page.locator("#list")).to_be_hidden()
    box(page).fill("From my phone")
    page.get_by_role("button", name="Send", exact=True).tap()
    expect(said(page, "From my phone")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="Back to the list").tap()

    expect(page.locator("#list")).to_be_visible()
    expect(page.locator("#case")).to_be_hidden()


@pytest.mark.parametrize("look", BROWSERS)
def test_it_is_open_to_everybody(
    look: str, arrive: Callable[..., Visitor], desk: Desk, waiting: tuple[str, str]
) -> None:
    _, conversation = waiting
    page = at_desk(arrive(**BROWSERS[look]))
    assert serious(page) == []
    open_case(page, conversation)
    page.locator(".case-head [data-action=details]").click()
    page.wait_for_timeout(300)
    assert serious(page) == []
    if BROWSERS[look].get("locale") == "zh-CN":
        ours = [NAMES.sub("", THEIRS.sub("", text)) for text in page.evaluate(SAID)]
        assert [text for text in ours if ENGLISH.search(text)] == []
