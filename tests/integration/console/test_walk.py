"""A walk through every panel and dialog by keyboard: nothing fails, nothing is out of reach.

Each is checked for names, headings, contrast and size of targets, and fits a phone.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from commerce.app.transactions import in_transaction
from commerce.app.trends import take_sample
from commerce.drop import DropFacade
from commerce.runtime import tokens
from commerce.shared import clock
from commerce.shared.scopes import Scope
from tests.integration.console.test_staff import sign_in
from tests.support import accessibility
from tests.support.books import check_books
from tests.support.browser import a_page, wider_than_its_window
from tests.support.console_data import a_bad_hour
from tests.support.dead_letters import DeadQueue
from tests.support.delivery import Delivery
from tests.support.drops import an_offering_drop, drop_terms
from tests.support.gateway import RunningGateway
from tests.support.operations import discard
from tests.support.orders import an_order, ship
from tests.support.sessions import an_account
from tests.support.shop import a_buyer, a_product, an_admin
from tests.support.staff import a_key_with

pytestmark = pytest.mark.usefixtures("cheap_hashes")

OPENS = (
    "Redrive all of", "Discard unreadable of", "Discard all of", "Discarded messages",
    "Redrive message", "Discard message", "Redrive 3 chosen", "Redrive all 3 found",
    "Order ", "Sync payment", "Requeue event", "Discard event", "Acknowledge", "Silence",
    "Publish drop", "Add units drop", "Cancel drop", "Changes of staff", "Grant scopes",
    "Make a key", "Change the scopes", "Revoke all scopes", "Revoke the key",
)  # fmt: skip
ORDER_ACTS = {
    "CONFIRMED": ("Ship", "Resend notice", "Cancel the order"),
    "SHIPPED": ("Deliver", "Cancel the order"),
}
SIZES = ((1280, 900), (360, 780))


@contextmanager
def a_quiet_page(browser: Browser) -> Iterator[Page]:
    """Open a page that must not log an error, whatever its cause."""
    errors: list[str] = []

    def collect(line: ConsoleMessage) -> None:
        if line.type == "error":
            errors.append(f"{line.text} {line.location}")

    with a_page(browser) as page:
        page.on("console", collect)
        yield page
    assert errors == []


def require_accessible(page: Page, place: str = "body") -> None:
    """Fail where something of a place is not accessible, or does not fit."""
    assert "\n".join(accessibility.problems(page, place)) == ""
    assert wider_than_its_window(page) == []


def everywhere(page: Page, place: str = "body") -> None:
    """Check it in light and dark, on a desktop and on a phone."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            require_accessible(page, place)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})


def opener(page: Page, name: str, within: str) -> Locator:
    starts = re.compile(f"^{re.escape(name)}")
    return page.locator(within).last.get_by_role("button", name=starts).first


def test_every_panel_and_dialog_is_accessible_and_logs_no_error(
    browser: Browser, site: str, dead: DeadQueue, gateway: RunningGateway
) -> None:
    gateway.behave("lose_callback")
    a_bad_hour(dead)
    [id_] = dead.fill("nobody can read this either")
    discard([id_], "a test of the list")
    a_key_with(Scope.STOCK)
    product = a_product(stock=9)
    an_offering_drop(product, [a_buyer()])
    in_transaction(DropFacade.create, drop_terms(product, 3), verified_only=False, by="test")
    check_books()
    take_sample()
    with a_quiet_page(browser) as page:
        page.goto(f"{site}/console")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        everywhere(page)
        sign_in(page, site, an_account(Scope.ADMIN))
        expect(page.get_by_role("heading", name="things are wrong")).to_be_visible()
        page.get_by_role("button", name="Show staff and API keys").press("Enter")
        expect(page.get_by_role("heading", name="member of staff")).to_be_visible()
        page.get_by_role("button", name=dead.name, exact=True).press("Enter")
        page.locator("#letters").get_by_role("button", name="Find", exact=True).press("Enter")
        expect(page.get_by_text("3 messages of 3 found")).to_be_visible()
        page.get_by_label("Choose all 3 shown").press("Space")
        page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
        everywhere(page)
        for name in OPENS:
            walk_through(page, name)
        page.get_by_role("button", name="Sign out").press("Enter")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert page.title() == "Lastunit console"


def walk_through(page: Page, name: str, within: str = "main") -> None:
    """Open a dialog with the keyboard, check it, and close it: the focus is where it was."""
    dialogs = page.locator("dialog")
    open_before = dialogs.count()
    button = opener(page, name, within)
    expect(button, name).to_be_visible()
    button.focus()
    key = page.evaluate("document.activeElement.dataset.key")
    page.keyboard.press("Enter")
    expect(dialogs, name).to_have_count(open_before + 1)
    expect(dialogs.last.get_by_text("Loading …"), name).to_have_count(0)
    everywhere(page, "dialog")
    assert dialogs.last.evaluate("(it) => it.contains(document.activeElement)"), name
    page.keyboard.press("Escape")
    expect(dialogs, name).to_have_count(open_before)
    assert page.evaluate("document.activeElement.dataset.key") == key, name


@pytest.mark.parametrize("status", ORDER_ACTS)
def test_each_act_on_an_order_has_an_accessible_dialog(
    browser: Browser, site: str, delivery: Delivery, status: str
) -> None:
    order_id = an_order(a_buyer(points=1_000), (a_product(stock=5, price=100), 1))
    check_books()
    if status == "SHIPPED":
        ship(an_admin(), order_id)
    with a_quiet_page(browser) as page:
        sign_in(page, site, an_account(Scope.ADMIN))
        expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
        page.goto(f"{site}/console#order={order_id}")
        dialog = page.get_by_role("dialog")
        expect(dialog.locator(".order-acts")).to_be_visible()
        dialog.get_by_role("button", name="Show timeline").press("Enter")
        expect(dialog.get_by_role("table", name="Timeline")).to_be_visible()
        everywhere(page, "dialog")
        for act in ORDER_ACTS[status]:
            walk_through(page, f"{act}: order {order_id}", within="dialog")


def test_signing_in_again_is_accessible_on_the_page_and_above_a_dialog(
    browser: Browser, site: str, dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    [id_] = dead.fill("nobody can read this")
    check_books()
    with monkeypatch.context() as short:
        short.setenv("TOKEN_LIFETIME_SECONDS", "600")
        token = tokens.sign(clock.new_id(), frozenset({Scope.ADMIN}))
    with a_quiet_page(browser) as page:
        page.goto(f"{site}/console")
        page.get_by_text("Use a token instead").press("Enter")
        page.get_by_label("Access token").fill(token)
        page.get_by_role("button", name="Use token").press("Enter")
        expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
        page.clock.set_fixed_time(clock.now() + timedelta(seconds=570))
        expect(page.locator("header #session-note")).to_be_visible()
        everywhere(page)
        walk_through(page, "Sign in again", within="header")
        page.get_by_role("button", name=dead.name, exact=True).press("Enter")
        opener(page, f"Discard message {id_}", "main").press("Enter")
        expect(page.locator("dialog #session-note")).to_be_visible()
        everywhere(page, "dialog")
        walk_through(page, "Sign in again", within="dialog")


def test_tab_reaches_all_that_can_be_pressed_and_shows_where_it_is(
    browser: Browser, site: str, dead: DeadQueue, gateway: RunningGateway
) -> None:
    gateway.behave("lose_callback")
    a_bad_hour(dead)
    with a_quiet_page(browser) as page:
        sign_in(page, site, an_account(Scope.ADMIN))
        expect(page.get_by_role("heading", name="wrong")).to_be_visible()
        page.get_by_role("button", name=dead.name, exact=True).click()
        expect(page.locator(".letters > li").first).to_be_visible()
        page.route("**/admin/**", lambda _: None)  # nothing is redrawn on the way
        page.get_by_role("link", name="Skip to what is wrong").focus()
        active = "main a[href], main button, main input, main select, main summary, header button"
        page.evaluate(
            "(active) => { window.missed = new Set([...document.querySelectorAll(active)]"
            ".filter((each) => each.checkVisibility())); }",
            active,
        )
        for _ in range(400):
            page.keyboard.press("Tab")
            seen = page.evaluate(
                "() => { const at = document.activeElement; window.missed.delete(at);"
                " if (at === document.body) return null;"
                " const { outlineStyle, outlineWidth } = getComputedStyle(at);"
                " return [at.outerHTML.slice(0, 100), outlineStyle, outlineWidth]; }"
            )
            if seen is None:
                break
            assert seen[1:] != ["none", "0px"], seen
            assert seen[1] == "solid", seen
        left = page.evaluate("[...window.missed].map((each) => each.outerHTML.slice(0, 120))")
    assert left == []
