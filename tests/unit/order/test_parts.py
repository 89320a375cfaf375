"""Parts of an order go back for what was paid for them: never more, and in the end all of it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.order import NothingLeft, OrderNotCancellable
from commerce.order.model import Discount, Order, OrderLine, Status
from commerce.shared.money import Money

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
BOUGHT = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 20)), min_size=1, max_size=5)


def an_order(bought: list[tuple[int, int]], discount: int = 0, points: int = 0) -> Order:
    order = Order.awaiting_card(
        id_=uuid4(),
        buyer_id=uuid4(),
        lines=[
            OrderLine(uuid4(), "Anvil", uuid4(), "Acme", Money(price), quantity)
            for price, quantity in bought
        ],
        points=Money(points),
        at=AT,
        expires_at=AT + timedelta(minutes=15),
        discount=Discount(uuid4(), Money(discount)) if discount else None,
    )
    if order.status is Status.PENDING:
        order.confirm(at=AT, by="system", reason="Paid by card")
    return order


def cancel(order: Order, *units: int) -> tuple[int, int]:
    """Cancel units of the first lines; return what the card and the account get back."""
    order.refund, order.freed = None, ()
    wanted = {str(line.product_id): n for line, n in zip(order.lines, units, strict=False) if n}
    order.cancel_units(wanted, at=AT, by="user:x", reason="No longer wanted")
    return (order.refund.card.amount, order.refund.points.amount) if order.refund else (0, 0)


def test_a_part_goes_to_the_card_first_and_then_to_the_account() -> None:
    order = an_order([(100, 5)], points=150)  # 350 by card
    assert cancel(order, 3) == (300, 0)
    assert (order.status, order.lines[0].quantity_left) == (Status.CONFIRMED, 2)
    assert cancel(order, 1) == (50, 50)
    assert cancel(order, 1) == (0, 100)
    assert (order.status, order.refunded) == (Status.CANCELLED, Money(500))


def test_a_units_share_of_the_discount_is_rounded_down_up_to_it() -> None:
    order = an_order([(100, 4), (0, 1)], discount=3)
    assert [cancel(order, 1) for _ in range(4)] == [(100, 0), (99, 0), (99, 0), (99, 0)]
    assert order.status is Status.CONFIRMED


def test_a_free_part_is_refunded_by_nothing() -> None:
    order = an_order([(0, 2), (7, 1)])
    assert cancel(order, 1) == (0, 0)
    assert (order.refund, order.freed) == (None, ((order.lines[0].product_id, 1),))
    assert order.refunds == []


@pytest.mark.parametrize(
    ("units", "left"), [((3,), 2), ((1, 2), 1), ((0, 9), 1)], ids=["first", "second", "far"]
)
def test_more_units_than_are_left_change_nothing(units: tuple[int, ...], left: int) -> None:
    order = an_order([(100, 2), (7, 1)])
    with pytest.raises(NothingLeft) as refused:
        cancel(order, *units)
    assert [each["left"] for each in refused.value.errors] == [left]
    assert [line.cancelled_quantity for line in order.lines] == [0, 0]
    assert order.refunded == Money(0)


def test_a_product_that_is_not_in_the_order_has_nothing_left() -> None:
    order = an_order([(100, 2)])
    with pytest.raises(NothingLeft) as refused:
        order.cancel_units({"no-id": 1}, at=AT, by="user:x", reason="x")
    assert refused.value.errors == [{"product_id": "no-id", "requested": 1, "left": 0}]


def test_a_part_is_cancelled_of_a_confirmed_order_only() -> None:
    order = an_order([(100, 2)])
    order.status = Status.SHIPPED
    with pytest.raises(OrderNotCancellable, match="only a CONFIRMED one is cancelled in part"):
        order.cancel_units(
            {str(order.lines[0].product_id): 1}, at=AT, by="admin:x", reason="x", as_admin=True
        )
    assert order.lines[0].quantity_left == 2


@given(BOUGHT, st.data())
def test_parts_in_any_order_sum_to_what_was_paid_by_each_means(
    bought: list[tuple[int, int]], data: st.DataObject
) -> None:
    total = sum(price * quantity for price, quantity in bought)
    discount = data.draw(st.integers(0, total))
    points = data.draw(st.integers(0, total - discount))
    order = an_order(bought, discount, points)
    by_card, by_points = order.card_amount.amount, points
    card = account = 0
    while order.status is Status.CONFIRMED:
        units = [data.draw(st.integers(0, line.quantity_left)) for line in order.lines]
        if not any(units):
            units = [line.quantity_left for line in order.lines]
        to_card, to_account = cancel(order, *units)
        assert to_account == 0 or card + to_card == by_card  # the card comes first
        card, account = card + to_card, account + to_account
        assert card <= by_card
        assert account <= by_points
        assert (order.card_refunded.amount, order.points_refunded.amount) == (card, account)
        left = sum(
            line.unit_price.amount * line.quantity_left
            for line in order.lines
            if order.status is Status.CONFIRMED
        )
        assert by_card + by_points - card - account <= left
    assert (card, account) == (by_card, by_points)
    assert sum(each.amount.amount for each in order.refunds) == by_card + by_points
