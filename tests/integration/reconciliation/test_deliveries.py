"""Reconciliation of what the delivery system was sent with what the orders are."""

from typing import Any

import pytest

from commerce.app.reconciliation import reconcile
from tests.support.delivery import Delivery
from tests.support.orders import cancel
from tests.support.shipping import a_changed_order, consume, event_of
from tests.support.shop import Person, a_buyer, rows

pytestmark = pytest.mark.usefixtures("own_shop")

RULE = "DELIVERY_SYSTEM_KNOWS_THE_ORDER"


@pytest.fixture
def buyer(own_shop: str) -> Person:
    return a_buyer(points=10_000)


def found() -> list[tuple[str, Any]]:
    return [(each.rule, each.facts) for each in reconcile().findings]


def age(order_id: str) -> None:
    """Let pass the ten minutes within which the delivery system learns of a change."""
    rows(
        "UPDATE orders SET delivery_changed_at = delivery_changed_at - interval '11 minutes'"
        " WHERE id = $1",
        order_id,
    )
    rows("UPDATE order_history SET at = at - interval '11 minutes' WHERE order_id = $1", order_id)


def test_orders_that_were_sent_updated_and_withdrawn_hold(
    delivery: Delivery, buyer: Person
) -> None:
    order_id, confirmed, changed = a_changed_order(buyer)
    assert found() == []
    assert consume(confirmed)
    assert consume(changed)
    assert cancel(buyer, order_id).status == 200
    assert consume(event_of(order_id, "OrderCancelled"))
    age(order_id)
    assert found() == []


def test_a_change_that_was_not_sent_is_found_after_ten_minutes(
    delivery: Delivery, buyer: Person
) -> None:
    order_id, _, _ = a_changed_order(buyer, is_sent=True)
    assert found() == []
    age(order_id)
    facts = {"order_id": order_id, "status": "CONFIRMED", "version": 3, "sent_version": 0}
    assert found() == [(RULE, facts)]


def test_a_cancellation_that_was_not_sent_is_found_after_ten_minutes(
    delivery: Delivery, buyer: Person
) -> None:
    order_id, _, changed = a_changed_order(buyer, is_sent=True)
    assert consume(changed)
    assert cancel(buyer, order_id).status == 200
    assert found() == []
    age(order_id)
    facts = {"order_id": order_id, "status": "CANCELLED", "version": 3, "sent_version": 3}
    assert found() == [(RULE, facts)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE shipment SET sent_version = 9 WHERE order_id = $1",
        "INSERT INTO shipment_notice VALUES ($1, 'WITHDRAWAL', now())",
    ],
)
def test_a_notice_of_what_never_happened_is_found(
    delivery: Delivery, buyer: Person, change: str
) -> None:
    order_id, _, changed = a_changed_order(buyer, is_sent=True)
    assert consume(changed)
    assert found() == []
    rows(change, order_id)
    assert [rule for rule, _ in found()] == [RULE]


def test_a_paid_order_that_was_not_given_is_found_after_ten_minutes(
    delivery: Delivery, buyer: Person
) -> None:
    order_id, confirmed, _ = a_changed_order(buyer)
    assert found() == []
    age(order_id)
    assert found() == [
        ("DELIVERY_SYSTEM_WAS_GIVEN_THE_ORDER", {"order_id": order_id, "status": "CONFIRMED"})
    ]
    assert consume(confirmed)
    assert found() == []
