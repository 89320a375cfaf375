"""The drill sees words that come and go, and a verdict that is green beside them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.harness.night.console import GREEN, Console
from tests.support.browser import a_browser, a_page

TROUBLE = "2 dead letters in 1 queue"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with a_browser() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of which each test sets the content."""
    with a_page(browser) as opened:
        yield opened


def shown(page: Page, verdict: str, *lines: str) -> None:
    items = "".join(f"<li>{line}</li>" for line in lines)
    page.set_content(
        f"<section id='wrong'><h1 class='verdict'>{verdict}</h1><ul>{items}</ul></section>"
    )


def test_the_words_that_show_an_incident_are_kept_with_their_delay(page: Page) -> None:
    console = Console(page)
    expected = console.expect("dead letters? in")
    shown(page, GREEN)
    console.look()
    assert expected.after_seconds is None
    shown(page, "One thing is wrong", TROUBLE)
    console.wait_for(expected, within_seconds=5)
    assert (expected.seen, expected.after_seconds is not None) == (TROUBLE, True)
    assert console.lies == []


def test_words_that_do_not_come_in_time_fail(page: Page) -> None:
    console = Console(page)
    shown(page, GREEN)
    with pytest.raises(AssertionError, match="not shown: quarantined"):
        console.wait_for(console.expect("quarantined"), within_seconds=0)


def test_green_before_the_mend_is_a_lie_and_after_it_is_not(page: Page) -> None:
    console = Console(page)
    expected = console.expect("dead letters? in")
    shown(page, "One thing is wrong", TROUBLE)
    console.wait_for(expected, within_seconds=5)
    shown(page, GREEN)
    console.look()
    assert console.lies == [f"{GREEN} beside: {TROUBLE}"]
    console.lies.clear()
    console.wait_until_gone(expected, within_seconds=5)
    console.look()
    assert console.lies == []


def test_words_that_stay_after_the_mend_fail(page: Page) -> None:
    console = Console(page)
    expected = console.expect("dead letters? in")
    shown(page, "One thing is wrong", TROUBLE)
    console.wait_for(expected, within_seconds=5)
    with pytest.raises(AssertionError, match="still shown: 2 dead letters"):
        console.wait_until_gone(expected, within_seconds=0)


def test_a_page_that_is_not_well_at_the_end_fails(page: Page) -> None:
    console = Console(page)
    shown(page, "One thing is wrong", TROUBLE)
    with pytest.raises(AssertionError, match="not well: One thing is wrong"):
        console.wait_until_well(within_seconds=0)


def test_a_picture_is_taken_in_light_and_dark_on_desktop_and_phone(
    page: Page, tmp_path: Path
) -> None:
    shown(page, "One thing is wrong", TROUBLE)
    Console(page).picture(tmp_path / "night", "wrong")
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        f"night-{scheme}-{size}.jpg"
        for scheme in ("dark", "light")
        for size in ("desktop", "phone")
    ]
