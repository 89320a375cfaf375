"""An order goes on: it is shipped and delivered, or called off and given back, once."""

import json
import urllib.request
from datetime import datetime
from itertools import pairwise

import pytest

from tests.e2e.caller import Answer, Caller
from tests.e2e.eventually import eventually
from tests.e2e.shop import Buyer, Shop, balance_of
from tests.e2e.stack import Stack

PRICE = 700


@pytest.fixture
def product(shop: Shop) -> str:
    """A product with ten units."""
    return shop.new_product(stock=10, price=PRICE)


def cancel(caller: Caller, order_id: str, *, key: str | None = None, admin: bool = False) -> Answer:
    """Ask for a cancellation."""
    path = f"{'/admin' if admin else ''}/orders/{order_id}/cancellation"
    return caller.send("POST", path, {"reason": "Second thoughts"}, key=key)


def kinds_told(stack: Stack, order_id: str) -> list[str]:
    """What the delivery system was told of an order, oldest first."""
    return [notice["kind"] for notice in stack.delivery.notices(order_id)]


def test_a_cancelled_order_gives_back_once_and_is_withdrawn(
    stack: Stack, shop: Shop, product: str
) -> None:
    buyer = shop.new_buyer(points=10_000)
    order_id = buyer.place_order((product, 3))
    eventually(lambda: kinds_told(stack, order_id) == ["ORDER"])

    first = cancel(buyer.api, order_id, key="cancel-it-now")
    again = cancel(buyer.api, order_id, key="cancel-it-now")
    anew = cancel(buyer.api, order_id)

    assert first.require(200)["status"] == "CANCELLED"
    assert again.require(200) == first.json
    assert again.headers["idempotency-replayed"] == "true"
    anew.require_problem(409, "ORDER_NOT_CANCELLABLE")
    assert (shop.stock_of(product), balance_of(buyer)) == (10, 10_000)
    history = buyer.api.order(order_id).require(200)["history"]
    assert [(step["status"], step["reason"]) for step in history] == [
        ("CONFIRMED", "Paid by points"),
        ("CANCELLED", "Second thoughts"),
    ]
    eventually(lambda: kinds_told(stack, order_id) == ["ORDER", "WITHDRAWAL"])


def test_an_order_is_shipped_and_delivered_by_an_admin(shop: Shop, product: str) -> None:
    buyer = shop.new_buyer(points=10_000)
    order_id = buyer.place_order((product, 1))

    buyer.api.send("POST", f"/admin/orders/{order_id}/shipment").require_problem(403, "ADMIN_ONLY")
    shop.admin.send("POST", f"/admin/orders/{order_id}/delivery").require_problem(409)
    shipped = shop.admin.send("POST", f"/admin/orders/{order_id}/shipment").require(200)
    cancel(buyer.api, order_id).require_problem(409, "ORDER_NOT_CANCELLABLE")
    delivered = shop.admin.send("POST", f"/admin/orders/{order_id}/delivery").require(200)
    cancel(shop.admin, order_id, admin=True).require_problem(409, "ORDER_NOT_CANCELLABLE")

    assert (shipped["status"], delivered["status"]) == ("SHIPPED", "DELIVERED")
    assert (shop.stock_of(product), balance_of(buyer)) == (9, 10_000 - PRICE)


def test_a_shipped_order_called_off_by_an_admin_gives_back(shop: Shop, product: str) -> None:
    buyer = shop.new_buyer(points=10_000)
    order_id = buyer.place_order((product, 2))
    shop.admin.send("POST", f"/admin/orders/{order_id}/shipment").require(200)

    assert cancel(shop.admin, order_id, admin=True).require(200)["status"] == "CANCELLED"

    assert (shop.stock_of(product), balance_of(buyer)) == (10, 10_000)


def test_nobody_cancels_anothers_order(shop: Shop, buyer: Buyer, product: str) -> None:
    owner = shop.new_buyer(points=10_000)
    order_id = owner.place_order((product, 1))

    cancel(buyer.api, order_id).require_problem(403, "NOT_YOUR_ORDER")

    assert (shop.stock_of(product), balance_of(owner)) == (9, 10_000 - PRICE)


def test_the_pause_before_each_further_try_grows(stack: Stack, shop: Shop, product: str) -> None:
    stack.delivery.behave("fail", times=2)
    buyer = shop.new_buyer(points=10_000)
    order_id = buyer.place_order((product, 1))

    eventually(lambda: kinds_told(stack, order_id) == ["ORDER"], within_seconds=60)

    with urllib.request.urlopen(f"{stack.delivery.url}/requests?order_id={order_id}") as answer:  # noqa: S310 (our own simulator)
        tries = json.load(answer)["items"]
    assert [each["outcome"] for each in tries] == ["failed", "failed", "received"]
    moments = [datetime.fromisoformat(each["at"]) for each in tries]
    first, second = [later - earlier for earlier, later in pairwise(moments)]
    assert second > first
