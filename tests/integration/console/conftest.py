"""The console in a real browser, over the functions themselves and a database of the test's own."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from commerce.runtime import tokens
from commerce.shared import clock
from tests.support.browser import PATIENCE_MS, a_browser, a_page
from tests.support.desk import a_desk
from tests.support.http_server import a_site
from tests.support.letters import DeadQueue

expect.set_options(timeout=PATIENCE_MS)

TOKEN = "lastunit-console-token"  # functions/console/api.js


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with a_browser() as running:
        yield running


@pytest.fixture
def dead(own_shop: str, monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    """A queue of the test's own, which the console looks after."""
    return a_desk(monkeypatch)


@pytest.fixture
def site(dead: DeadQueue) -> Iterator[str]:
    """Where the console is."""
    with a_site() as url:
        yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page, which may not break its own policy, nor fail in a script."""
    with a_page(browser) as opened:
        yield opened


@pytest.fixture
def open_console(page: Page, site: str) -> Callable[[], Page]:
    """Open the console as an admin who is signed in: do it when the shop is as it should be."""

    def opened() -> Page:
        admin = tokens.sign(clock.new_id(), frozenset({tokens.ADMIN}))
        page.add_init_script(
            f"sessionStorage.getItem('seen') || sessionStorage.setItem('{TOKEN}', '{admin}');"
            "sessionStorage.setItem('seen', 'yes')"
        )
        page.goto(f"{site}/console")
        expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
        expect(page.locator("[aria-busy]")).to_have_count(0)
        return page

    return opened
