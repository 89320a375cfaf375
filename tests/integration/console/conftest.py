"""The console in a real browser, over the functions themselves and a database of the test's own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from commerce.shared import clock, tokens
from tests.support.browser import a_browser, a_page
from tests.support.desk import a_desk
from tests.support.letters import DeadQueue
from tests.support.site import a_site

expect.set_options(timeout=20_000)


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
def console(page: Page, site: str) -> Page:
    """The console, signed in as an admin."""
    admin = tokens.sign(clock.new_id(), frozenset({tokens.ADMIN}))
    page.add_init_script(f"sessionStorage.setItem('lastunit-console-token', '{admin}')")
    page.goto(f"{site}/console")
    expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
    return page
