"""A walk through every panel and dialog by keyboard: nothing fails, nothing is out of reach.

Each is checked for names, headings, contrast and size of targets, and fits a phone.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from commerce.shared.scopes import Scope
from tests.integration.console.test_staff import sign_in
from tests.support import accessibility
from tests.support.books import check_books
from tests.support.browser import a_page, wider_than_its_window
from tests.support.console_data import a_bad_hour
from tests.support.dead_letters import DeadQueue
from tests.support.gateway import RunningGateway
from tests.support.operations import discard
from tests.support.sessions import an_account

pytestmark = pytest.mark.usefixtures("cheap_hashes")

OPENS = (
    "Redrive all of", "Discard unreadable of", "Discard all of", "Discarded messages",
    "Redrive message", "Discard message", "Order ", "Sync payment", "Requeue event",
    "Changes of staff", "Grant scopes", "Make a key", "Change the scopes", "Revoke all scopes",
)  # fmt: skip
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


def opener(page: Page, name: str) -> Locator:
    starts = re.compile(f"^{re.escape(name)}")
    return page.locator("main").get_by_role("button", name=starts).first


def test_every_panel_and_dialog_is_accessible_and_logs_no_error(
    browser: Browser, site: str, dead: DeadQueue, gateway: RunningGateway
) -> None:
    gateway.behave("lose_callback")
    a_bad_hour(dead)
    [id_] = dead.fill("nobody can read this either")
    discard([id_], "a test of the list")
    check_books()
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
        page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
        everywhere(page)
        for name in OPENS:
            walk_through(page, name)
        page.get_by_role("button", name="Sign out").press("Enter")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert page.title() == "Lastunit console"


def walk_through(page: Page, name: str) -> None:
    """Open a dialog with the keyboard, check it, and close it: the focus is where it was."""
    button = opener(page, name)
    expect(button, name).to_be_visible()
    button.focus()
    key = page.evaluate("document.activeElement.dataset.key")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog").last
    expect(dialog, name).to_be_visible()
    expect(dialog.get_by_text("Loading …"), name).to_have_count(0)
    everywhere(page, "dialog")
    assert page.evaluate("document.querySelector('dialog').contains(document.activeElement)"), name
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog"), name).to_have_count(0)
    assert page.evaluate("document.activeElement.dataset.key") == key, name


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
