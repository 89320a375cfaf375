"""Random histories of orders: whatever happens, in whatever order, the books hold after each step.

Orders are placed, with a coupon or without, paid, shipped, delivered, cancelled and expire; what
they tell reaches the shipping functions late, repeated, in any order, and with requests and answers
lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from commerce.shipping import DeliverySystemFailed, HttpDeliverySystem, ShipmentNotice
from tests.support.coupons import a_coupon, an_issued, place_with, status_of_coupon
from tests.support.delivery import Delivery
from tests.support.orders import (
    a_pending_order,
    cancel,
    cancel_as_admin,
    confirm,
    deliver,
    events_of,
    expire,
    outcome,
    place,
    ship,
)
from tests.support.shipping import FUNCTIONS, consume
from tests.support.shop import (
    a_buyer,
    a_product,
    an_admin,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("shop_environment")

PRICE, STOCK, POINTS, CARD_POINTS, DISCOUNT = 100, 4, 700, 30, 40
KEPT = """
    SELECT id, status,
        ARRAY (SELECT status FROM order_history WHERE order_id = id ORDER BY position) AS history,
        ARRAY (
            SELECT aggregate_version FROM outbox WHERE aggregate_id = orders.id ORDER BY position
        ) AS versions
    FROM orders WHERE id = ANY (CAST($1 AS uuid[]))
"""
UNTIL_SHIPPED = ("PENDING", "CONFIRMED")


@dataclass
class Expected:
    """An order, as this history has it."""

    id: str
    buyer: int
    product: int
    quantity: int
    points: int
    history: list[str]
    has_coupon: bool = False

    @property
    def status(self) -> str:
        return self.history[-1]

    @property
    def was_confirmed(self) -> bool:
        return "CONFIRMED" in self.history


class Histories(RuleBasedStateMachine):
    """Two products, two buyers, an admin, and what should have become of them."""

    orders = Bundle("orders")

    def __init__(self, delivery: Delivery) -> None:
        super().__init__()
        self.delivery = delivery
        self.admin = an_admin()
        self.buyers = [a_buyer(points=POINTS) for _ in range(2)]
        self.products = [a_product(stock=STOCK, price=PRICE) for _ in range(2)]
        self.points = [POINTS] * 2
        self.stock = [STOCK] * 2
        self.coupon = a_coupon(value=DISCOUNT)
        self.copies = [an_issued(buyer, self.coupon) for buyer in self.buyers]
        self.placed: list[Expected] = []

    @rule(
        target=orders,
        buyer=st.integers(0, 1),
        product=st.integers(0, 1),
        quantity=st.integers(1, 3),
    )
    def place(self, buyer: int, product: int, quantity: int) -> Any:
        answer = place(self.buyers[buyer], (self.products[product], quantity))
        if quantity > self.stock[product]:
            assert outcome(answer) == "OUT_OF_STOCK"
            return multiple()
        if quantity * PRICE > self.points[buyer]:
            assert outcome(answer) == "INSUFFICIENT_POINTS"
            return multiple()
        assert outcome(answer) == "201"
        order_id, points = answer.json["order_id"], quantity * PRICE
        return self._took(Expected(order_id, buyer, product, quantity, points, ["CONFIRMED"]))

    @rule(
        target=orders,
        buyer=st.integers(0, 1),
        product=st.integers(0, 1),
        quantity=st.integers(1, 3),
    )
    def place_with_a_coupon(self, buyer: int, product: int, quantity: int) -> Any:
        answer = place_with(
            self.buyers[buyer], self.copies[buyer], (self.products[product], quantity)
        )
        points = quantity * PRICE - DISCOUNT
        if self._is_used(buyer):
            assert outcome(answer) == "COUPON_NOT_USABLE"
            return multiple()
        if quantity > self.stock[product]:
            assert outcome(answer) == "OUT_OF_STOCK"
            return multiple()
        if points > self.points[buyer]:
            assert outcome(answer) == "INSUFFICIENT_POINTS"
            return multiple()
        assert outcome(answer) == "201"
        order_id, history = answer.json["order_id"], ["CONFIRMED"]
        return self._took(Expected(order_id, buyer, product, quantity, points, history, True))  # noqa: FBT003

    def _is_used(self, buyer: int) -> bool:
        """True if an order that is not cancelled has the buyer's coupon."""
        return any(
            each.has_coupon and each.buyer == buyer and each.status != "CANCELLED"
            for each in self.placed
        )

    @precondition(lambda self: min(self.stock) > 0 and min(self.points) >= CARD_POINTS)
    @rule(target=orders, buyer=st.integers(0, 1), product=st.integers(0, 1))
    def place_by_card(self, buyer: int, product: int) -> Expected:
        order_id = a_pending_order(self.buyers[buyer], self.products[product], points=CARD_POINTS)
        return self._took(Expected(order_id, buyer, product, 1, CARD_POINTS, ["PENDING"]))

    def _took(self, order: Expected) -> Expected:
        self.stock[order.product] -= order.quantity
        self.points[order.buyer] -= order.points
        self.placed.append(order)
        return order

    def _went(self, order: Expected, status: str) -> None:
        order.history.append(status)
        if status == "CANCELLED":
            if "SHIPPED" not in order.history:  # else the goods are gone
                self.stock[order.product] += order.quantity
            self.points[order.buyer] += order.points

    @rule(order=orders, times=st.integers(1, 2))
    def its_buyer_cancels(self, order: Expected, times: int) -> None:
        for _ in range(times):
            answer = cancel(self.buyers[order.buyer], order.id)
            if order.status in UNTIL_SHIPPED:
                assert outcome(answer) == "200"
                self._went(order, "CANCELLED")
            else:
                assert outcome(answer) == "ORDER_NOT_CANCELLABLE"

    @rule(order=orders)
    def somebody_else_cancels(self, order: Expected) -> None:
        answer = cancel(self.buyers[1 - order.buyer], order.id)
        assert outcome(answer) == "NOT_YOUR_ORDER"

    @rule(order=orders)
    def an_admin_cancels(self, order: Expected) -> None:
        answer = cancel_as_admin(self.admin, order.id)
        if order.status in (*UNTIL_SHIPPED, "SHIPPED"):
            assert outcome(answer) == "200"
            self._went(order, "CANCELLED")
        else:
            assert outcome(answer) == "ORDER_NOT_CANCELLABLE"

    @rule(order=orders)
    def it_is_shipped(self, order: Expected) -> None:
        answer = ship(self.admin, order.id)
        if order.status == "CONFIRMED":
            assert outcome(answer) == "200"
            self._went(order, "SHIPPED")
        else:
            assert outcome(answer) == "ORDER_NOT_SHIPPABLE"

    @rule(order=orders)
    def it_is_delivered(self, order: Expected) -> None:
        answer = deliver(self.admin, order.id)
        if order.status == "SHIPPED":
            assert outcome(answer) == "200"
            self._went(order, "DELIVERED")
        else:
            assert outcome(answer) == "ORDER_NOT_DELIVERABLE"

    @rule(order=orders)
    def its_time_is_over(self, order: Expected) -> None:
        if order.status == "PENDING":
            assert expire(order.id) == "CANCELLED"
            self._went(order, "CANCELLED")
        else:
            assert expire(order.id) == "ORDER_NOT_EXPIRABLE"

    @rule(order=orders)
    def its_card_is_charged(self, order: Expected) -> None:
        if order.status == "PENDING":
            assert confirm(order.id) == "CONFIRMED"
            self._went(order, "CONFIRMED")
        else:
            assert confirm(order.id) == "NOT_PENDING"

    @rule(
        order=orders,
        type_=st.sampled_from(sorted(FUNCTIONS)),
        lost=st.sampled_from(["nothing", "request", "answer"]),
    )
    def an_event_arrives(self, order: Expected, type_: str, lost: str) -> None:
        for event in self._events(order, type_):
            if lost == "answer":
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(HttpDeliverySystem, "send", send_and_lose_the_answer)
                    consume(event)
                continue
            if lost == "request":
                self.delivery.behave("fail", times=1)
            consume(event)
            self.delivery.behave("ok")

    @staticmethod
    def _events(order: Expected, type_: str) -> list[Mapping[str, Any]]:
        return [event for event in events_of(order.id) if event["type"] == type_]

    @invariant()
    def the_books_hold(self) -> None:
        assert [stock_of(each) for each in self.products] == self.stock
        assert [balance_of(each.user_id) for each in self.buyers] == self.points
        users = [each.user_id for each in self.buyers]
        assert_books_hold(*self.products, users=users, coupons=[self.coupon])
        shown = [status_of_coupon(*each) for each in zip(self.buyers, self.copies, strict=True)]
        assert shown == [("AVAILABLE", "USED")[self._is_used(buyer)] for buyer in range(2)]

    @invariant()
    def each_order_is_where_it_should_be(self) -> None:
        kept = {str(row.id): row for row in rows(KEPT, [UUID(order.id) for order in self.placed])}
        for order in self.placed:
            row = kept[order.id]
            assert row.status == order.status
            assert row.history == order.history
            assert row.versions == list(range(1, len(row.versions) + 1))

    @invariant()
    def no_notice_contradicts_its_order(self) -> None:
        for order in self.placed:
            kinds = self.delivery.kinds(order.id)
            assert kinds in ([], ["ORDER"], ["ORDER", "WITHDRAWAL"])
            assert order.was_confirmed or not kinds
            assert order.status == "CANCELLED" or "WITHDRAWAL" not in kinds

    def teardown(self) -> None:
        """In the end every event has arrived, the newest first."""
        for order in self.placed:
            for type_ in ("OrderCancelled", "OrderConfirmed"):
                assert all(consume(event) for event in self._events(order, type_))
            kinds = self.delivery.kinds(order.id)
            if not order.was_confirmed:
                assert kinds == []
            elif order.status == "CANCELLED":
                assert kinds in ([], ["ORDER", "WITHDRAWAL"])
            else:
                assert kinds == ["ORDER"]


_send = HttpDeliverySystem.send


def send_and_lose_the_answer(self: HttpDeliverySystem, notice: ShipmentNotice) -> None:
    _send(self, notice)
    raise DeliverySystemFailed("It did not answer: ReadTimeoutError.")


def test_the_books_hold_after_every_step(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHIPPING_RETRY_BASE_SECONDS", "0")

    class WithDelivery(Histories):
        def __init__(self) -> None:
            super().__init__(delivery)

    run_state_machine_as_test(
        WithDelivery,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
