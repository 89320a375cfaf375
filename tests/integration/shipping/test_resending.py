"""Staff send the delivery system an order's notice again: however often, with one effect."""

from collections.abc import Callable
from functools import partial

import pytest

from commerce.shared.scopes import Scope
from tests.support.delivery import Delivery
from tests.support.orders import (
    a_pending_order,
    an_order,
    cancel_as_admin,
    deliver,
    resend_notice,
    ship,
)
from tests.support.shipping import a_cancelled_order, consume, event_of
from tests.support.shop import Person, a_buyer, a_product, an_admin, rows, staff_with
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

REASON = "The delivery system lost a day of notices"


@pytest.fixture
def buyer() -> Person:
    return a_buyer(points=10_000)


@pytest.fixture
def order_id(buyer: Person) -> str:
    return an_order(buyer, (a_product(stock=5, price=100), 1))


def audited(order_id: str) -> list[tuple[str, str, dict[str, str]]]:
    sql = 'SELECT "by", action, after FROM admin_audit WHERE subject_id = $1 ORDER BY id'
    return [(row.by, row.action, row.after) for row in rows(sql, order_id)]


def test_an_order_that_was_never_sent_is_sent(delivery: Delivery, order_id: str) -> None:
    admin = an_admin()
    answer = resend_notice(admin, order_id, REASON)
    assert answer.status == 200
    assert [each["kind"] for each in answer.json["notices"]] == ["ORDER"]
    assert delivery.tries(order_id) == [("ORDER", "received")]
    assert audited(order_id) == [
        (f"admin:{admin.user_id}", "resend notice", {"kind": "ORDER", "reason": REASON})
    ]
    assert consume(event_of(order_id, "OrderConfirmed"))
    assert delivery.tries(order_id) == [("ORDER", "received")]  # its event comes later


def test_a_notice_that_was_sent_is_sent_again_under_its_key(
    delivery: Delivery, order_id: str
) -> None:
    assert consume(event_of(order_id, "OrderConfirmed"))
    for _ in range(2):
        assert resend_notice(an_admin(), order_id).status == 200
    assert len(delivery.tries(order_id)) == 3
    assert delivery.kinds(order_id) == ["ORDER"]


def test_many_at_once_send_one_notice(delivery: Delivery, order_id: str) -> None:
    confirmed, admin = event_of(order_id, "OrderConfirmed"), an_admin()

    def again() -> bool:
        return resend_notice(admin, order_id).status == 200

    calls: list[Callable[[], bool]] = [again] * 6
    calls.append(partial(consume, confirmed))
    assert run_concurrently(calls) == [True] * 7
    assert delivery.kinds(order_id) == ["ORDER"]


def test_a_withdrawal_is_sent_again_and_nothing_after_it(delivery: Delivery, buyer: Person) -> None:
    order_id, confirmed, cancelled = a_cancelled_order(buyer)
    assert consume(confirmed)
    assert consume(cancelled)
    before = delivery.kinds(order_id)
    assert resend_notice(an_admin(), order_id).status == (200 if before else 409)
    assert delivery.kinds(order_id) == before


def test_an_order_that_was_sent_and_cancelled_is_withdrawn(
    delivery: Delivery, order_id: str
) -> None:
    assert consume(event_of(order_id, "OrderConfirmed"))
    assert cancel_as_admin(an_admin(), order_id).status == 200
    for _ in range(2):
        answer = resend_notice(an_admin(), order_id)
        assert {each["kind"] for each in answer.json["notices"]} == {"ORDER", "WITHDRAWAL"}
    assert delivery.kinds(order_id) == ["ORDER", "WITHDRAWAL"]


def test_a_delivery_system_that_fails_is_reported_and_sent_it_later(
    delivery: Delivery, order_id: str
) -> None:
    delivery.behave("fail")
    answer = resend_notice(an_admin(), order_id)
    assert (answer.status, answer.json["code"]) == (503, "DELIVERY_SYSTEM_FAILED")
    assert rows("SELECT 1 AS one FROM shipment_notice WHERE order_id = $1", order_id) == []
    delivery.behave("ok")
    assert consume(event_of(order_id, "OrderConfirmed"))
    assert delivery.kinds(order_id) == ["ORDER"]


def test_nothing_is_sent_of_an_order_that_is_not_to_be_delivered(
    delivery: Delivery, buyer: Person, order_id: str
) -> None:
    admin = an_admin()
    pending = a_pending_order(buyer, a_product(stock=5, price=100), points=50)
    ship(admin, order_id)
    orders = [pending, order_id]
    for each in orders:
        answer = resend_notice(admin, each)
        assert (answer.status, answer.json["code"]) == (409, "NOTHING_TO_SEND")
    assert resend_notice(admin, "no-such-order").json["code"] == "ORDER_NOT_FOUND"
    assert [delivery.tries(each) for each in orders] == [[], []]


@pytest.mark.parametrize("reason", [None, "", "x", "x       "])
def test_a_notice_is_sent_again_for_a_reason_only(
    delivery: Delivery, order_id: str, reason: str | None
) -> None:
    assert resend_notice(an_admin(), order_id, reason).status == 422
    assert (delivery.tries(order_id), audited(order_id)) == ([], [])


def test_only_staff_who_fulfil_orders_send_notices(delivery: Delivery, order_id: str) -> None:
    others = staff_with(*(each for each in Scope if each not in ("orders:fulfil", "admin")))
    assert resend_notice(others, order_id).json["code"] == "MISSING_SCOPE"
    assert delivery.tries(order_id) == []
    assert resend_notice(staff_with(Scope.ORDERS_FULFIL), order_id).status == 200


def test_reasons_of_shipping_and_delivering_are_in_the_audit_not_in_the_history(
    order_id: str,
) -> None:
    admin = an_admin()
    assert ship(admin, order_id, reason=REASON).status == 200
    assert deliver(admin, order_id, reason=REASON).status == 200
    by = f"admin:{admin.user_id}"
    assert audited(order_id) == [
        (by, "ship order", {"reason": REASON}), (by, "deliver order", {"reason": REASON})
    ]  # fmt: skip
    history = rows("SELECT reason FROM order_history WHERE order_id = $1", order_id)
    assert REASON not in [row.reason for row in history]
    assert deliver(admin, order_id, reason="x").status == 422
