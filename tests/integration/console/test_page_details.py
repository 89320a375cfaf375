"""Details of the page: focus, title, announcements, unseen characters, charts."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.support.dead_letters import DeadQueue, an_order_message

Open = Callable[[], Page]


def focused(page: Page) -> str:
    found: str = page.evaluate(
        "document.activeElement.dataset.key ?? document.activeElement.id"
        " ?? document.activeElement.tagName"
    )
    return found


def test_after_the_last_dead_letter_the_focus_is_at_the_panels_heading(
    dead: DeadQueue, open_console: Open
) -> None:
    dead.fill(an_order_message("o-1"))
    console = open_console()
    console.get_by_role("button", name=dead.name, exact=True).click()
    letter = console.locator(".letters > li")
    letter.get_by_role("button", name="Redrive").click()
    console.get_by_role("dialog").get_by_role("button", name="Redrive").click()
    expect(console.get_by_text("No dead letters in 2 queues.")).to_be_visible()
    expect(console.get_by_role("heading", name="Dead letters")).to_be_focused()
