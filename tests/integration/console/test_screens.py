"""The console fits wide and narrow screens, dark and light.

`make screens` keeps the pictures in docs/screens.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from commerce.app import ranking_jobs
from commerce.app.messaging import relay
from tests.support.browser import wider_than_its_window
from tests.support.console_data import a_bad_hour, a_days_sales
from tests.support.dead_letters import DeadQueue
from tests.support.gateway import RunningGateway

SIZES = {"desktop": (1280, 900), "phone": (360, 780)}


@pytest.fixture
def screens(tmp_path: Path) -> Path:
    """The folder for the pictures."""
    return Path(os.environ.get("SCREENS", tmp_path))


def take(page: Page, file: Path, size: str) -> None:
    """Take a picture of the whole page."""
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    assert wider_than_its_window(page) == []
    page.screenshot(path=file, full_page=True, animations="disabled")


def test_the_console_with_problems_fits_every_screen(
    dead: DeadQueue, gateway: RunningGateway, open_console: Callable[[], Page], screens: Path
) -> None:
    gateway.behave("lose_callback")
    a_bad_hour(dead)
    console = open_console()
    expect(console.get_by_role("heading", name="things are wrong")).to_be_visible()
    for scheme in ("light", "dark"):
        console.emulate_media(color_scheme=scheme)
        for size in SIZES:
            take(console, screens / f"console-{scheme}-{size}.png", size)
    console.set_viewport_size({"width": 1280, "height": 900})
    console.emulate_media(color_scheme="light")
    console.get_by_role("button", name=dead.name, exact=True).click()
    letter = console.locator(".letters > li").first
    letter.get_by_text("Message", exact=True).click()
    take(console, screens / "console-letters.png", "phone")
    console.set_viewport_size({"width": 1280, "height": 900})
    letter.get_by_role("button", name="Order ").click()
    expect(console.get_by_role("dialog").get_by_role("table", name="History")).to_be_visible()
    console.screenshot(path=screens / "console-order.png", animations="disabled")


def test_a_good_day_and_the_sign_in_fit_every_screen(
    open_console: Callable[[], Page], screens: Path
) -> None:
    a_days_sales()
    relay().run()
    ranking_jobs.rebuild_rankings(None, lambda _, __: None)
    console = open_console()
    expect(console.get_by_role("heading", name="All is well")).to_be_visible()
    take(console, screens / "console-well.png", "desktop")
    console.get_by_role("button", name="Sign out").click()
    expect(console.get_by_role("heading", name="Sign in")).to_be_visible()
    for size in SIZES:
        take(console, screens / f"console-sign-in-{size}.png", size)


def test_the_api_documentation_fits_every_screen(page: Page, site: str, screens: Path) -> None:
    page.goto(f"{site}/docs")
    page.locator("#operations-tag-order").click()
    place = page.locator("#operations-order-place_order")
    place.locator(".opblock-summary-control").click()
    expect(place.get_by_role("button", name="Execute")).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for size in SIZES:
            width, height = SIZES[size]
            page.set_viewport_size({"width": width, "height": height})
            page.screenshot(path=screens / f"docs-{scheme}-{size}.png", animations="disabled")


def test_an_opened_operation_is_documented_with_all_that_it_refers_to(
    page: Page, site: str
) -> None:
    page.goto(f"{site}/docs#/order/place_order")
    place = page.locator("#operations-order-place_order")
    for number, answer in (("201", "OrderView"), ("409", "A refusal, as RFC 9457 has it.")):
        described = place.locator(f'.response[data-code="{number}"]')
        described.get_by_role("tab", name="Schema").click()
        expect(described.locator(".model-box")).to_contain_text(answer)
    expect(described).to_contain_text("X-Request-Id")
    expect(page.locator(".errors-wrapper")).to_have_count(0)
