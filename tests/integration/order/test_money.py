"""Random lives of orders: after each step, goods and money are where a plain model has them.

Orders are placed with points, card and coupon, paid, declined, charged without a word, cancelled in
parts, shipped, delivered, returned, received and refunded by staff. Callbacks come late and twice,
events late, and refunds fail before they are made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from commerce.payment import MAX_DECLINES
from tests.support.coupons import a_coupon, an_issued
from tests.support.gateway import RunningGateway
from tests.support.orders import cancel, cancel_as_admin, deliver, outcome, place, ship
from tests.support.other_connection import wait_until
from tests.support.payments import a_callback, follow, pay, payments_of, statuses_of, sync
from tests.support.returns import (
    receive_return,
    refund_order,
    reject_return,
    request_return,
    withdraw_return,
)
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

PRICES, STOCK, POINTS, DISCOUNT, COUPONS = (100, 33), 30, 3_000, 50, 6
UNITS = st.tuples(st.integers(0, 3), st.integers(0, 3))
SOME_UNITS = UNITS.filter(any)
FEW_UNITS = st.sampled_from([(1, 0), (0, 1), (1, 1), (2, 0)])
KEPT = """
    SELECT orders.id, orders.status, card_refunded_amount AS card,
        points_refunded_amount AS points,
        ARRAY (SELECT ROW (cancelled_quantity, returned_quantity)::text FROM order_line
            WHERE order_id = orders.id ORDER BY position) AS units
    FROM orders WHERE id = ANY (CAST($1 AS uuid[]))
"""


@dataclass
class Line:
    """A line as it was bought, with its share of the discount, and the units that went back."""

    product: int
    quantity: int
    share: int
    cancelled: int = 0
    returned: int = 0

    @property
    def left(self) -> int:
        return self.quantity - self.cancelled - self.returned

    def cost_of_next(self, units: int) -> int:
        """Return the price of the next units: the first k of n bear k/n of the share."""
        gone = self.quantity - self.left
        borne = [self.share * number // self.quantity for number in (gone, gone + units)]
        return PRICES[self.product] * units - (borne[1] - borne[0])


@dataclass
class Expected:
    """An order, as this history has it."""

    id: str
    lines: list[Line]
    card: int
    points: int
    status: str
    copy: str | None = None
    card_refunded: int = 0
    points_refunded: int = 0
    charged: int = 0
    declines: int = 0
    is_unknown: bool = False
    was_shipped: bool = False
    returns: dict[str, list[int]] = field(default_factory=dict)
    owed_late: int = 0
    """Return what a card paid for it after it was cancelled."""

    def on_their_way(self, line: Line) -> int:
        return sum(units[self.lines.index(line)] for units in self.returns.values())

    def refund(self, cost: int) -> int:
        """Refund so much, to the card first; return what goes back as points."""
        card = min(cost, self.card - self.card_refunded)
        points = min(cost - card, self.points - self.points_refunded)
        self.card_refunded += card
        self.points_refunded += points
        return points


def shares(amounts: Sequence[int], discount: int) -> list[int]:
    """Split the discount by largest remainder; of equal ones the earlier gets the unit."""
    total = sum(amounts)
    parts = [discount * each // total for each in amounts]
    rest = [(discount * each % total, -number) for number, each in enumerate(amounts)]
    for _, number in sorted(rest, reverse=True)[: discount - sum(parts)]:
        parts[-number] += 1
    return parts


class Money(RuleBasedStateMachine):
    """Two products, a buyer, an admin, and what should have become of goods and money."""

    orders = Bundle("orders")
    returns = Bundle("returns")

    def __init__(self, gateway: RunningGateway) -> None:
        super().__init__()
        self.gateway = gateway
        self.admin, self.buyer = an_admin(), a_buyer(points=POINTS)
        self.products = [a_product(stock=STOCK, price=price) for price in PRICES]
        self.copies = [an_issued(self.buyer, a_coupon(value=DISCOUNT)) for _ in range(COUPONS)]
        self.points, self.stock, self.on_hand = POINTS, [STOCK, STOCK], [STOCK, STOCK]
        self.placed: list[Expected] = []

    # --- placing and paying ----------------------------------------------------------------------

    @rule(
        target=orders,
        units=SOME_UNITS,
        by_card=st.booleans(),
        points=st.integers(0, 120),
        has_coupon=st.sampled_from([True, True, False]),
    )
    def place(self, units: tuple[int, int], by_card: bool, points: int, has_coupon: bool) -> Any:  # noqa: FBT001
        bought = [(number, n) for number, n in enumerate(units) if n]
        amounts = [PRICES[number] * n for number, n in bought]
        copy = self.copies[-1] if has_coupon and self.copies else None
        discount = min(DISCOUNT, sum(amounts)) if copy else 0
        cost = sum(amounts) - discount
        points = min(points, cost) if by_card else cost
        if points > self.points or any(n > self.stock[number] for number, n in bought):
            return multiple()
        more: dict[str, Any] = {"payment_method": "CARD", "points": points} if by_card else {}
        if copy:
            more["issued_coupon_id"] = copy
        lines = [(self.products[number], n) for number, n in bought]
        answer = place(self.buyer, *lines, **more)
        assert outcome(answer) == "201", answer.json
        if copy:
            self.copies.remove(copy)
        self.points -= points
        for number, n in bought:
            self.stock[number] -= n
        split = zip(bought, shares(amounts, discount), strict=True)
        order = Expected(
            str(answer.json["order_id"]),
            [Line(number, n, share) for (number, n), share in split],
            card=cost - points,
            points=points,
            status="PENDING" if cost > points else "CONFIRMED",
            copy=copy,
        )
        self.placed.append(order)
        return order

    @rule(
        target=orders,
        units=SOME_UNITS,
        by_card=st.booleans(),
        points=st.integers(0, 120),
        has_coupon=st.sampled_from([True, True, False]),
    )
    def place_and_deliver(
        self,
        units: tuple[int, int],
        by_card: bool,  # noqa: FBT001
        points: int,
        has_coupon: bool,  # noqa: FBT001
    ) -> Any:
        """So that returns are not rare."""
        order = self.place(units, by_card, points, has_coupon)
        if isinstance(order, Expected):
            self.its_card_is_charged(order)
            self.it_is_shipped(order)
            self.it_is_delivered(order)
        return order

    def _is_payable(self, order: Expected) -> bool:
        return order.status == "PENDING" and not order.is_unknown

    @rule(order=orders)
    def its_card_is_charged(self, order: Expected) -> None:
        self.gateway.behave("healthy")
        if not self._is_payable(order):
            assert outcome(pay(self.buyer, order.id)) == "ORDER_NOT_PAYABLE"
            return
        assert pay(self.buyer, order.id).status == 201
        wait_until(lambda: statuses_of(order.id)[-1] == "SUCCEEDED")
        follow(order.id)
        order.status, order.charged = "CONFIRMED", order.card

    @rule(order=orders)
    def its_card_is_declined(self, order: Expected) -> None:
        if not self._is_payable(order):
            return
        self.gateway.behave("healthy", result="LIMIT_EXCEEDED")
        assert pay(self.buyer, order.id).status == 201
        wait_until(lambda: statuses_of(order.id)[-1] == "FAILED")
        follow(order.id)
        order.declines += 1
        if order.declines == MAX_DECLINES:
            self._cancelled(order)

    @rule(order=orders)
    def its_card_is_charged_without_a_word(self, order: Expected) -> None:
        if not self._is_payable(order):
            return
        self.gateway.behave("lose_callback")
        assert pay(self.buyer, order.id).status == 201
        wait_until(lambda: self.gateway.transactions(order.id)[-1]["status"] == "SUCCESS")
        order.is_unknown, order.charged = True, order.card

    @rule(order=orders, times=st.integers(1, 2), is_asked=st.booleans())
    def its_results_come_late(self, order: Expected, times: int, is_asked: bool) -> None:  # noqa: FBT001
        """All callbacks of its transactions come, perhaps not for the first time."""
        if is_asked:
            for payment in payments_of(order.id):
                assert sync(self.admin, str(payment.id)).status == 200
        else:
            for transaction in self.gateway.transactions(order.id) * times:
                assert a_callback(self.gateway, transaction).status == 200
        follow(order.id)
        if not order.is_unknown:
            return
        order.is_unknown = False
        if order.status == "PENDING":
            order.status = "CONFIRMED"
        else:
            order.owed_late = order.card

    # --- goods ------------------------------------------------------------------------------------

    @rule(order=orders, units=SOME_UNITS, as_admin=st.booleans())
    def units_are_cancelled(self, order: Expected, units: tuple[int, int], as_admin: bool) -> None:  # noqa: FBT001
        wanted = self._lines_of(order, units)
        if not wanted:
            return
        body = {"lines": [{"product_id": id_, "quantity": n} for id_, n in wanted]}
        by, call = (self.admin, cancel_as_admin) if as_admin else (self.buyer, cancel)
        answer = call(by, order.id, body=body)
        over = any(units[line.product] > line.left for line in order.lines)
        whole = all(units[line.product] == line.left for line in order.lines)
        if order.status in ("CANCELLED", "DELIVERED"):
            assert outcome(answer) == "ORDER_NOT_CANCELLABLE"
        elif over:
            assert outcome(answer) == "NOTHING_LEFT"
        elif whole and (order.status != "SHIPPED" or as_admin):
            assert outcome(answer) == "200"
            self._cancelled(order)
        elif whole or order.status != "CONFIRMED":
            assert outcome(answer) == "ORDER_NOT_CANCELLABLE"
        else:
            assert outcome(answer) == "200"
            self.points += order.refund(
                sum(line.cost_of_next(units[line.product]) for line in order.lines)
            )
            for line in order.lines:
                line.cancelled += units[line.product]
                self.stock[line.product] += units[line.product]

    @rule(order=orders)
    def its_buyer_cancels_it(self, order: Expected) -> None:
        answer = cancel(self.buyer, order.id)
        if order.status in ("PENDING", "CONFIRMED"):
            assert outcome(answer) == "200"
            self._cancelled(order)
        else:
            assert outcome(answer) == "ORDER_NOT_CANCELLABLE"

    def _cancelled(self, order: Expected) -> None:
        self.points += order.points - order.points_refunded
        order.points_refunded = order.points
        if order.status != "PENDING":
            order.card_refunded = order.card
        if not order.was_shipped:
            for line in order.lines:
                self.stock[line.product] += line.left
        order.status = "CANCELLED"
        if order.copy:
            self.copies.append(order.copy)

    @rule(order=orders)
    def it_is_shipped(self, order: Expected) -> None:
        answer = ship(self.admin, order.id)
        if order.status != "CONFIRMED":
            assert outcome(answer) == "ORDER_NOT_SHIPPABLE"
            return
        assert outcome(answer) == "200"
        order.status, order.was_shipped = "SHIPPED", True
        for line in order.lines:
            self.on_hand[line.product] -= line.left

    @rule(order=orders)
    def it_is_delivered(self, order: Expected) -> None:
        answer = deliver(self.admin, order.id)
        if order.status == "SHIPPED":
            assert outcome(answer) == "200"
            order.status = "DELIVERED"
        else:
            assert outcome(answer) == "ORDER_NOT_DELIVERABLE"

    @rule(target=returns, order=orders, units=SOME_UNITS)
    def a_return_is_requested(self, order: Expected, units: tuple[int, int]) -> Any:
        wanted = self._lines_of(order, units)
        if not wanted:
            return multiple()
        answer = request_return(self.buyer, order.id, *wanted)
        over = any(
            units[line.product] > line.left - order.on_their_way(line) for line in order.lines
        )
        if order.status != "DELIVERED" or over:
            assert outcome(answer) == "RETURN_NOT_POSSIBLE"
            return multiple()
        assert outcome(answer) == "201"
        return_id = str(answer.json["return_id"])
        order.returns[return_id] = [units[line.product] for line in order.lines]
        return order, return_id

    @rule(about=returns, is_withdrawn=st.booleans())
    def a_return_ends(self, about: tuple[Expected, str], is_withdrawn: bool) -> None:  # noqa: FBT001
        order, return_id = about
        if is_withdrawn:
            answer = withdraw_return(self.buyer, return_id)
        else:
            answer = reject_return(self.admin, return_id)
        is_open = order.returns.pop(return_id, None) is not None
        assert outcome(answer) == ("200" if is_open else "RETURN_NOT_POSSIBLE")

    @rule(about=returns, units=SOME_UNITS, restock=st.booleans())
    def a_return_is_received(
        self,
        about: tuple[Expected, str],
        units: tuple[int, int],
        restock: bool,  # noqa: FBT001
    ) -> None:
        order, return_id = about
        came = self._lines_of(order, units)
        if not came:
            return
        answer = receive_return(self.admin, return_id, *came, restock=restock)
        requested = order.returns.get(return_id)
        if requested is None or any(
            units[line.product] > n for line, n in zip(order.lines, requested, strict=True)
        ):
            assert outcome(answer) == "RETURN_NOT_POSSIBLE"
            return
        assert outcome(answer) == "200"
        del order.returns[return_id]
        self.points += order.refund(
            sum(line.cost_of_next(units[line.product]) for line in order.lines)
        )
        for line in order.lines:
            line.returned += units[line.product]
            if restock:
                self.stock[line.product] += units[line.product]
                self.on_hand[line.product] += units[line.product]

    @rule(order=orders, units=FEW_UNITS, restock=st.booleans())
    def units_come_back(
        self,
        order: Expected,
        units: tuple[int, int],
        restock: bool,  # noqa: FBT001
    ) -> None:
        """At once, so that one line comes back in several parts."""
        about = self.a_return_is_requested(order, units)
        if isinstance(about, tuple):
            self.a_return_is_received(about, units, restock)

    @rule(order=orders, amount=st.integers(1, 250))
    def staff_refund(self, order: Expected, amount: int) -> None:
        answer = refund_order(self.admin, order.id, amount)
        is_paid = order.status in ("CONFIRMED", "SHIPPED", "DELIVERED")
        left = order.card + order.points - order.card_refunded - order.points_refunded
        if not is_paid or amount > left:
            assert outcome(answer) == "REFUND_EXCEEDS_PAID"
            return
        assert outcome(answer) == "201"
        self.points += order.refund(amount)

    # --- what follows -----------------------------------------------------------------------------

    @rule(order=orders, is_failing=st.booleans())
    def its_events_arrive(self, order: Expected, is_failing: bool) -> None:  # noqa: FBT001
        if is_failing:
            self.gateway.behave("error", on="refunds")
        follow(order.id)
        self.gateway.behave("healthy")

    def _lines_of(self, order: Expected, units: tuple[int, int]) -> list[tuple[str, int]]:
        return [
            (self.products[line.product], units[line.product])
            for line in order.lines
            if units[line.product]
        ]

    @invariant()
    def goods_are_where_they_should_be(self) -> None:
        assert [stock_of(each) for each in self.products] == self.stock
        sql = "SELECT on_hand FROM stock WHERE product_id = $1"
        assert [rows(sql, each)[0].on_hand for each in self.products] == self.on_hand

    @invariant()
    def each_order_has_given_back_what_it_should(self) -> None:
        kept = {str(row.id): row for row in rows(KEPT, [UUID(each.id) for each in self.placed])}
        for order in self.placed:
            row = kept[order.id]
            assert row.status == order.status
            assert (row.card, row.points) == (order.card_refunded, order.points_refunded)
            assert row.units == [f"({each.cancelled},{each.returned})" for each in order.lines]

    @invariant()
    def no_means_gives_back_more_than_it_paid(self) -> None:
        assert balance_of(self.buyer.user_id) == self.points
        for order in self.placed:
            charged, refunded = self._at_the_gateway(order)
            assert charged == order.charged
            assert refunded <= order.card_refunded + order.owed_late <= order.card

    @invariant()
    def the_books_hold(self) -> None:
        assert_books_hold(*self.products, users=[self.buyer.user_id])

    def _at_the_gateway(self, order: Expected) -> tuple[int, int]:
        found = [each for each in self.gateway.transactions(order.id) if each["charged_at"]]
        refunds = [refund["amount"] for each in found for refund in each["refunds"]]
        return sum(each["amount"] for each in found), sum(refunds)

    def teardown(self) -> None:
        """In the end every event has arrived, and each card has back what it should."""
        self.gateway.behave("healthy")
        for order in self.placed:
            self.its_results_come_late(order, 1, True)  # noqa: FBT003
            assert self._at_the_gateway(order) == (
                order.charged,
                order.card_refunded + order.owed_late,
            )
        self.the_books_hold()


@pytest.mark.timeout(1200)
def test_goods_and_money_are_where_a_plain_model_has_them(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("MAX_UNPAID_ORDERS", "HOLD_LAPSES", "MAX_CARDS_PER_DAY", "MAX_DECLINES_PER_DAY"):
        monkeypatch.setenv(limit, "1000")

    class WithGateway(Money):
        def __init__(self) -> None:
            super().__init__(gateway)

    run_state_machine_as_test(
        WithGateway,
        settings=settings(
            max_examples=10,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.generate],  # shrinking plays it again for minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
