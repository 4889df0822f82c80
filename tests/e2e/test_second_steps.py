"""Passkeys with Chromium's virtual authenticator, and an authenticator app, at pages that know no inline script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.e2e.browsing import Visitor, ask
from tests.e2e.test_people import PASSWORD, account_menu, sign_in, sign_up
from tests.e2e.test_settings import open_settings
from tests.product import Product
from tests.webui.members import code_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def at_a_name(arrive: Callable[..., Visitor], product: Product) -> Visitor:
    """A passkey belongs to a name; 127.0.0.1 is none."""
    visitor = arrive()
    visitor.url = f"http://localhost:{product.port}"
    return visitor


def with_authenticator(page: Page) -> CDPSession:
    """A device with a fingerprint reader that recognises its owner."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return devtools


def prove(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()


def add_passkey(page: Page, name: str) -> None:
    open_settings(page, "Security")
    page.get_by_role("link", name="Add a passkey").click()
    prove(page)
    page.get_by_label("What to call it").fill(name)
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="Back to the settings").click()
    expect(page.get_by_text(name)).to_be_visible()


def test_a_passkey_signs_in_without_a_password_and_a_guest_keeps_everything(at_a_name: Visitor) -> None:
    page = at_a_name.open(f"{at_a_name.url}/")
    with_authenticator(page)
    sign_up(page, "passkey@example.org")
    add_passkey(page, "My laptop")
    page.goto(at_a_name.url)
    account_menu(page).get_by_role("button", name="Sign out").click()
    ask(page, "As a guest again")

    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_role("button", name="Account: passkey@example.org")).to_be_visible()
    expect(page.get_by_role("navigation").get_by_role("link", name="As a guest again")).to_be_visible()


def test_a_passkey_is_the_second_step_after_the_password(at_a_name: Visitor) -> None:
    page = at_a_name.open(f"{at_a_name.url}/")
    with_authenticator(page)
    sign_up(page, "both@example.org")
    add_passkey(page, "My laptop")
    page.goto(at_a_name.url)
    account_menu(page).get_by_role("button", name="Sign out").click()

    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Email").fill("both@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_role("button", name="Account: both@example.org")).to_be_visible()


def test_a_refused_ceremony_can_be_tried_again(at_a_name: Visitor) -> None:
    page = at_a_name.open(f"{at_a_name.url}/accounts/login/")
    devtools = with_authenticator(page)  # which holds no passkey

    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_text("That did not work, or was cancelled. Try again.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_enabled()
    devtools.detach()


def test_where_passkeys_cannot_work_the_page_says_so(page: Page) -> None:
    page.goto("/accounts/login/")

    expect(page.get_by_text("Passkeys do not work at this address")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_disabled()


def test_a_code_from_the_app_is_asked_for_after_the_password(page: Page, arrive: Callable[..., Visitor]) -> None:
    sign_up(page, "codes@example.org")
    open_settings(page, "Security")
    page.get_by_role("link", name="Set up an authenticator app").click()
    prove(page)
    expect(page.get_by_role("img", name="Picture for the authenticator app")).to_be_visible()
    secret = page.get_by_label("Key").input_value()
    page.get_by_label("Authenticator code").fill(code_for(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    recovery_code = page.locator(".codes li").first.inner_text()

    other = arrive().open()
    other.get_by_role("link", name="Sign in").click()
    other.get_by_label("Email").fill("codes@example.org")
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Sign in", exact=True).click()
    other.get_by_label("Code").fill("000000")
    other.get_by_role("button", name="Sign in", exact=True).click()
    expect(other.get_by_text("Incorrect code.")).to_be_visible()
    other.get_by_label("Code").fill(recovery_code)
    other.get_by_role("button", name="Sign in", exact=True).click()

    expect(other.get_by_role("button", name="Account: codes@example.org")).to_be_visible()


def test_another_device_is_signed_out_from_here(page: Page, arrive: Callable[..., Visitor]) -> None:
    sign_up(page, "two-devices@example.org")
    other = arrive().open()
    sign_in(other, "two-devices@example.org")

    open_settings(page, "Security")
    page.get_by_role("button", name="Sign out all other devices").click()
    expect(page.get_by_text("All other devices are signed out.")).to_be_visible()
    other.reload()

    expect(other.get_by_role("link", name="Sign in")).to_be_visible()
