"""The console's panel of the books: what was looked at, and what does not hold."""

from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.support.books import alter_stock, check_books, let_pass
from tests.support.envelopes import a_view, envelope_of
from tests.support.lambda_calls import bus_message, function, lambda_context, sqs_event
from tests.support.shop import a_product

Open = Callable[[], Page]


def reload(console: Page) -> None:
    """Read everything again, as the timer does."""
    with console.expect_response("**/admin/overview"):
        console.get_by_role("button", name="Refresh").click()
    expect(console.locator("[aria-busy]")).to_have_count(0)


def test_all_is_well_names_what_was_looked_at(open_console: Open) -> None:
    console = open_console()
    expect(console.get_by_role("heading", name="All is well")).to_be_visible()
    expect(console.locator("#wrong")).to_contain_text("Looked at: books and ranking boards")
    expect(console.locator("#wrong")).to_contain_text("queues, orders, payments, outbox, drops")
    expect(console.locator("#books")).to_contain_text("Books: held")


def test_books_that_were_not_checked_in_time_end_all_is_well(open_console: Open) -> None:
    console = open_console()
    let_pass(timedelta(minutes=20))
    reload(console)
    expect(console.get_by_role("heading", name="All is well")).to_have_count(0)
    expect(console.get_by_role("link", name="It is not known whether the books")).to_be_visible()
    runbook = console.locator("#books").get_by_role("link", name="Runbook books-not-checked.md")
    expect(runbook).to_be_visible()


def test_an_altered_stock_row_is_shown_in_words_with_its_runbook(open_console: Open) -> None:
    product = a_product(stock=10)
    alter_stock(product, 3)
    console = open_console()
    words = f"STOCK_IS_THE_SUM_OF_ITS_MOVEMENTS: product_id {product}, stock 13, movements 10"
    expect(console.locator(".wrongs li").first).to_contain_text(words)
    panel = console.locator("#books")
    expect(panel).to_contain_text(words)
    runbooks = panel.get_by_role("link", name="Runbook books-do-not-hold.md")
    expect(runbooks.first).to_be_visible()
    expect(panel).to_contain_text('make ops ARGS="reconcile"')
    alter_stock(product, -3)
    check_books()
    reload(console)
    expect(console.get_by_role("heading", name="All is well")).to_be_visible()


def test_a_lost_board_is_shown_with_the_command_that_mends_it(open_console: Open) -> None:
    event = sqs_event(bus_message(envelope_of(a_view(a_product(stock=1)))))
    function("metrics/on_product_activity")(event, lambda_context())
    panel = open_console().locator("#books")
    expect(panel).to_contain_text("missing 1")
    expect(panel).to_contain_text('make ops ARGS="ranking rebuild"')
