"""A discount comes first, is split over the lines, and nobody gets back more than was paid."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.order import OrderCancelled
from commerce.order.errors import PointsExceedTotal
from commerce.order.model import Discount, Order, OrderLine, Status
from commerce.shared.money import Money

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
BOUGHT = st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**3)), min_size=1, max_size=50)


def lines_of(bought: list[tuple[int, int]]) -> list[OrderLine]:
    return [
        OrderLine(uuid4(), "Anvil", uuid4(), "Acme", Money(price), quantity)
        for price, quantity in bought
    ]


def by_points(bought: list[tuple[int, int]], discount: int) -> Order:
    return Order.paid_by_points(
        id_=uuid4(),
        buyer_id=uuid4(),
        lines=lines_of(bought),
        at=AT,
        discount=Discount(uuid4(), Money(discount)),
    )


def by_card(bought: list[tuple[int, int]], discount: int, points: int) -> Order:
    return Order.awaiting_card(
        id_=uuid4(),
        buyer_id=uuid4(),
        lines=lines_of(bought),
        points=Money(points),
        at=AT,
        expires_at=AT + timedelta(minutes=15),
        discount=Discount(uuid4(), Money(discount)),
    )


def test_a_discount_is_split_by_largest_remainder() -> None:
    order = by_points([(100, 1), (100, 1), (100, 1)], 100)
    assert [line.discount.amount for line in order.lines] == [34, 33, 33]
    order = by_points([(1_000, 1), (300, 3)], 285)
    assert [line.discount.amount for line in order.lines] == [150, 135]
    order = by_points([(0, 5), (7, 1)], 7)
    assert [line.discount.amount for line in order.lines] == [0, 7]


@given(BOUGHT, st.data())
def test_the_lines_discounts_sum_to_the_orders_and_none_exceeds_its_line(
    bought: list[tuple[int, int]], data: st.DataObject
) -> None:
    total = sum(price * quantity for price, quantity in bought)
    discount = data.draw(st.integers(min(total, 1), total))
    if total == 0:
        return
    order = by_points(bought, discount)
    parts = [line.discount.amount for line in order.lines]
    assert sum(parts) == order.discount.amount == discount
    for line, part in zip(order.lines, parts, strict=True):
        assert 0 <= part <= line.amount.amount
        assert abs(part * total - discount * line.amount.amount) < total  # by less than one unit
    assert order.total.amount == total
    assert order.points_used.amount == total - discount
    assert order.card_amount.amount == 0


@given(BOUGHT, st.data())
def test_a_refund_is_exactly_what_was_paid(
    bought: list[tuple[int, int]], data: st.DataObject
) -> None:
    total = sum(price * quantity for price, quantity in bought)
    if total == 0:
        return
    discount = data.draw(st.integers(1, total))
    points = data.draw(st.integers(0, total - discount))
    order = by_card(bought, discount, points)
    paid = order.points_used.amount + order.card_amount.amount
    assert paid == total - discount
    is_paid = order.status is Status.CONFIRMED  # where nothing is left for the card
    if not is_paid and data.draw(st.booleans()):
        is_paid = True
        order.confirm(at=AT, by="system", reason="Paid by card")
    order.cancel(at=AT, by="user:somebody", reason="Changed my mind")
    [cancelled] = [event for event in order.events if isinstance(event, OrderCancelled)]
    back = cancelled.points_used.amount + cancelled.card_refund.amount
    assert back == (paid if is_paid else points)
    assert back <= total - discount


@pytest.mark.parametrize(("discount", "points"), [(60, 41), (0, 101)])
def test_no_order_is_overpaid(discount: int, points: int) -> None:
    with pytest.raises(PointsExceedTotal):
        by_card([(100, 1)], discount, points)


@pytest.mark.parametrize(("discount", "points"), [(101, 0), (1, -1)])
def test_no_discount_exceeds_its_total_and_no_points_are_negative(
    discount: int, points: int
) -> None:
    with pytest.raises(ValueError, match="exceeds"):
        by_card([(100, 1)], discount, points)


def test_a_discount_above_the_total_is_refused() -> None:
    with pytest.raises(ValueError, match="exceeds"):
        by_points([(100, 1)], 101)


def test_without_a_coupon_there_is_no_discount() -> None:
    order = Order.paid_by_points(id_=uuid4(), buyer_id=uuid4(), lines=lines_of([(5, 2)]), at=AT)
    assert (order.discount, order.issued_coupon_id) == (Money(0), None)
    assert [line.discount for line in order.lines] == [Money(0)]
