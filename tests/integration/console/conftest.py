"""The console in a browser, served by the functions, on a database of the test's own."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from commerce.app.reconciliation.runs import boards
from commerce.runtime import tokens
from commerce.shared import clock
from commerce.shared.scopes import Scope
from tests.support.books import check_books
from tests.support.browser import TIMEOUT_MS, a_browser, a_page
from tests.support.dead_letters import DeadQueue
from tests.support.http_server import serve_api
from tests.support.operations import a_console_queue

expect.set_options(timeout=TIMEOUT_MS)

TOKEN = "lastunit-console-token"  # functions/pages/console/api.js


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with a_browser() as running:
        yield running


@pytest.fixture
def dead(own_shop: str, monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    """A queue of the test's own, which the console shows."""
    return a_console_queue(monkeypatch)


@pytest.fixture
def site(dead: DeadQueue) -> Iterator[str]:
    """The URL of the API that serves the console."""
    with serve_api() as url:
        yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page, which must not violate its content security policy nor fail in a script."""
    with a_page(browser) as opened:
        yield opened


@pytest.fixture
def open_console(page: Page, site: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Page]:
    """Open the console as a signed-in admin; call it after the shop is prepared.

    The books are checked before.
    """
    monkeypatch.setattr(boards, "SETTLED_AFTER_SECONDS", 0.0)

    def opened() -> Page:
        check_books()
        admin = tokens.sign(clock.new_id(), frozenset({Scope.ADMIN}))
        page.add_init_script(
            f"sessionStorage.getItem('seen') || sessionStorage.setItem('{TOKEN}', '{admin}');"
            "sessionStorage.setItem('seen', 'yes')"
        )
        page.goto(f"{site}/console")
        expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
        expect(page.locator("[aria-busy]")).to_have_count(0)
        return page

    return opened
