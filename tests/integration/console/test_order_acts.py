"""Acts of staff on an order from its dialog: for a reason, within their scopes, audited."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from commerce.shared.scopes import Scope
from tests.integration.console.test_staff import sign_in
from tests.support.browser import wider_than_its_window
from tests.support.delivery import Delivery
from tests.support.orders import an_order
from tests.support.sessions import PASSWORD, an_account
from tests.support.shop import a_buyer, a_product, rows
from tests.support.time_travel import earlier

pytestmark = pytest.mark.usefixtures("cheap_hashes")

REASON = "The buyer called about it"


@pytest.fixture
def order_id(site: str) -> str:  # in the site's own database
    """An order that the delivery system should know and does not."""
    buyer = a_buyer(points=10_000)
    with earlier(minutes=30):
        return an_order(buyer, (a_product(stock=5, price=100), 1))


def act(page: Page, order_id: str, verb: str, confirm: str, password: str = "") -> Locator:
    """Press an act in the order's dialog, give the reason, and confirm."""
    page.get_by_role("button", name=f"{verb}: order {order_id}").click()
    dialog = page.get_by_role("dialog").last
    dialog.get_by_label("Reason").fill(REASON)
    if password:
        dialog.get_by_label("Password").fill(password)
    dialog.get_by_role("button", name=confirm).click()
    return page.locator("#outcomes")


def test_an_order_is_sent_shipped_and_delivered_from_its_dialog(
    delivery: Delivery, order_id: str, open_console: Callable[[], Page]
) -> None:
    console = open_console()
    console.get_by_role("button", name=f"Order {order_id}").first.click()
    dialog = console.get_by_role("dialog").first
    expect(act(console, order_id, "Resend notice", "Resend")).to_contain_text(
        "The delivery system has: ORDER of order"
    )
    expect(dialog.get_by_role("table", name="Notices")).to_contain_text("ORDER")
    assert delivery.kinds(order_id) == ["ORDER"]
    expect(act(console, order_id, "Ship", "Ship")).to_contain_text("is SHIPPED.")
    expect(act(console, order_id, "Deliver", "Deliver")).to_contain_text("is DELIVERED.")
    expect(dialog.get_by_role("button", name=f"Ship: order {order_id}")).to_have_count(0)
    expect(dialog.get_by_role("table", name="History")).to_contain_text("DELIVERED")
    sql = "SELECT action, after ->> 'reason' FROM admin_audit WHERE subject_id = $1 ORDER BY id"
    assert [tuple(row) for row in rows(sql, order_id)] == [
        ("resend notice", REASON), ("ship order", REASON), ("deliver order", REASON)
    ]  # fmt: skip
    dialog.get_by_role("button", name="Show timeline").click()
    timeline = dialog.get_by_role("table", name="Timeline")
    for known in ("OrderConfirmed", "resend notice", "SHIPPED", REASON):
        expect(timeline).to_contain_text(known)
    console.set_viewport_size({"width": 360, "height": 780})
    assert wider_than_its_window(console) == []


def test_an_order_is_cancelled_for_a_reason_and_with_the_password(
    page: Page, order_id: str, site: str
) -> None:
    sign_in(page, site, an_account(Scope.OPS, Scope.ORDERS_READ, Scope.ORDERS_FULFIL))
    page.get_by_role("button", name=f"Order {order_id}").first.click()
    outcome = act(page, order_id, "Cancel the order", "Cancel the order", PASSWORD)
    expect(outcome).to_contain_text("is CANCELLED.")
    [last] = rows(
        "SELECT status, reason FROM order_history WHERE order_id = $1 ORDER BY at DESC LIMIT 1",
        order_id,
    )
    assert tuple(last) == ("CANCELLED", REASON)


def test_staff_who_only_read_orders_are_offered_no_acts(
    page: Page, order_id: str, site: str
) -> None:
    sign_in(page, site, an_account(Scope.OPS, Scope.ORDERS_READ))
    page.get_by_role("button", name=f"Order {order_id}").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("table", name="History")).to_be_visible()
    expect(dialog.locator(".order-acts")).to_have_count(0)
