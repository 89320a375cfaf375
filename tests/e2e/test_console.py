"""The operators' console and the API's documents, in a real browser on the deployed stack."""

import json
import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.commands import ops
from tests.e2e.eventually import eventually
from tests.e2e.shop import Buyer, Shop
from tests.e2e.stack import Stack
from tests.e2e.test_operations import QUEUE, list_dead_letters, new_dead_letters
from tests.support.browser import TIMEOUT_MS, a_browser, a_page, tab_to

expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with a_page(browser) as opened:
        yield opened


@pytest.fixture
def _delivery_is_well_afterwards(stack: Stack) -> Iterator[None]:
    yield
    stack.delivery.behave("ok")


@pytest.fixture
def dead_order(stack: Stack, shop: Shop, buyer: Buyer, _delivery_is_well_afterwards: None) -> str:
    """An order whose shipment notice nobody took: it is a dead letter."""
    stack.fail_deliveries()
    order_id = buyer.place_order((shop.new_product(stock=1, price=100), 1))
    new_dead_letters(stack, order_id)
    stack.delivery.behave("ok")
    return order_id


def open_console(page: Page, shop: Shop) -> None:
    """Open the page as somebody who has not signed in."""
    page.goto(f"{shop.stack.addresses.api_url}/console")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def sign_in_with_token(page: Page, shop: Shop) -> None:
    """Sign in as the local system's admin."""
    open_console(page, shop)
    page.get_by_text("Use a token instead").click()
    page.get_by_label("Access token").fill(shop.stack.addresses.admin_token)
    page.get_by_role("button", name="Use token").click()
    expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()


def test_an_operator_redrives_a_dead_letter_and_its_notice_is_delivered(
    page: Page, stack: Stack, shop: Shop, dead_order: str
) -> None:
    operator = shop.new_buyer()
    login = operator.user["login_id"]
    code, told = ops(stack, "staff", "grant", login, "ops", "orders:read", "--yes")
    assert (code, login in {each["login_id"] for each in told["staff"]}) == (0, True)
    open_console(page, shop)
    page.get_by_label("Login id").fill(login)
    page.get_by_label("Password").fill(operator.password)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("link", name="dead letter")).to_be_visible()
    page.get_by_role("button", name=QUEUE, exact=True).click()
    letter = page.locator("li", has=page.get_by_role("button", name=f"Order {dead_order}"))
    expect(letter.get_by_text("OrderConfirmed").first).to_be_visible()
    letter.get_by_text("Message", exact=True).click()
    expect(letter.locator("pre")).to_contain_text(dead_order)

    letter.get_by_role("button", name=f"Order {dead_order}").click()
    history = page.get_by_role("dialog").get_by_role("table", name="History")
    expect(history).to_contain_text("Paid by points")
    page.keyboard.press("Escape")

    letter.get_by_role("button", name="Redrive").click()
    page.get_by_role("dialog").get_by_role("button", name="Redrive").click()

    expect(page.locator("#outcomes")).to_contain_text(f"1 message sent back to {QUEUE}.")
    expect(letter).to_have_count(0)
    eventually(lambda: stack.delivery.notices(dead_order))
    stack.wait_until_quiet()
    assert len(stack.delivery.notices(dead_order)) == 1
    assert list_dead_letters(stack, dead_order) == []
    with stack.database() as database:
        kept = database.run(
            'SELECT "by", action FROM ops_audit WHERE body LIKE :id', id=f"%{dead_order}%"
        )
    assert kept == [[f"admin:{operator.user['user_id']}", "dlq redrive"]]


def test_a_dead_letter_can_be_discarded_by_keyboard_alone(
    page: Page, stack: Stack, shop: Shop
) -> None:
    name = os.urandom(8).hex()
    stack.send("ShippingQueueUrl", json.dumps({"detail": {"id": name, "data": "unreadable"}}))
    [letter] = new_dead_letters(stack, name)
    sign_in_with_token(page, shop)
    expect(page.get_by_role("button", name=QUEUE, exact=True)).to_be_visible()

    page.reload()  # the session is the tab's: it is still there
    expect(page.get_by_role("button", name=QUEUE, exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to what is wrong")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, f"toggle {QUEUE}")
    page.keyboard.press("Enter")
    discard = f"discard {letter['message_id']}"
    expect(page.locator(f'[data-key="{discard}"]')).to_be_visible()
    tab_to(page, discard)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(f'[data-key="{discard}"]')).to_be_focused()

    page.keyboard.press("Enter")
    page.keyboard.type("typed by hand")
    for _ in range(6):  # round and round: the focus stays in the dialog
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body "
            "|| document.querySelector('dialog').contains(document.activeElement)"
        )
    dialog.get_by_label("Reason").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#outcomes")).to_contain_text("1 message discarded from")
    assert list_dead_letters(stack, name) == []
    with stack.database() as database:
        [[reason]] = database.run(
            "SELECT reason FROM ops_audit WHERE message_id = :id", id=letter["message_id"]
        )
    assert reason == "typed by hand"


def test_the_console_shows_a_non_admin_how_to_get_access(page: Page, shop: Shop) -> None:
    user = shop.new_buyer()
    open_console(page, shop)
    page.get_by_label("Login id").fill(user.user["login_id"])
    page.get_by_label("Password").fill(user.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("staff grant")
    assert page.evaluate("sessionStorage.length") == 0


def test_an_order_can_be_placed_from_the_docs_page(page: Page, shop: Shop, buyer: Buyer) -> None:
    product_id = shop.new_product(stock=1, price=100)
    page.goto(f"{shop.stack.addresses.api_url}/docs")
    page.get_by_role("button", name="Authorize").click()
    page.locator(".auth-container", has_text="The access_token of POST /sessions").get_by_role(
        "textbox"
    ).fill(str(buyer.api.token))
    page.locator(".auth-container", has_text="The access_token of POST /sessions").get_by_role(
        "button", name="Apply credentials"
    ).click()
    page.locator(".auth-btn-wrapper .btn-done").first.click()
    page.locator("#operations-tag-order").click()
    place = page.locator("#operations-order-place_order")
    place.locator(".opblock-summary-control").click()
    body = {"lines": [{"product_id": product_id, "quantity": 1}], "payment_method": "POINT"}
    place.locator("textarea.body-param__text").fill(json.dumps(body))
    place.get_by_role("button", name="Execute").click()

    expect(
        place.locator(".live-responses-table .response .response-col_status").first
    ).to_contain_text("201")
    assert shop.stock_of(product_id) == 0
