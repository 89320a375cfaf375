"""The console as operators meet it: what it shows, and what it does when they act."""

from playwright.sync_api import Page, expect


def test_where_all_is_well_it_says_so(console: Page) -> None:
    expect(console.get_by_role("heading", name="All is well")).to_be_visible()
    expect(console.get_by_text("No dead letters in 2 queues.")).to_be_visible()
    expect(console.get_by_text("Every payment has its end.")).to_be_visible()
