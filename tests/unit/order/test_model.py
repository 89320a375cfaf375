"""An order keeps what was bought, and tells its way."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.order import OrderConfirmed, OrderPlaced
from commerce.order.events import LineOrdered
from commerce.order.model import (
    Order,
    OrderHistoryEntry,
    OrderLine,
    PaymentMethod,
    Status,
    total_of,
)
from commerce.shared.money import CurrencyMismatch, Money

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def a_line(price: int = 100, quantity: int = 1, currency: str = "KRW") -> OrderLine:
    return OrderLine(
        product_id=uuid4(),
        product_name="Anvil",
        brand_id=uuid4(),
        brand_name="Acme",
        unit_price=Money(price, currency),
        quantity=quantity,
    )


def placed(*lines: OrderLine, buyer_id: UUID | None = None) -> Order:
    return Order.paid_by_points(id_=uuid4(), buyer_id=buyer_id or uuid4(), lines=list(lines), at=AT)


def test_an_order_paid_by_points_is_confirmed_at_once() -> None:
    buyer_id, lines = uuid4(), (a_line(100, 2), a_line(50, 3))
    order = placed(*lines, buyer_id=buyer_id)
    assert order.status is Status.CONFIRMED
    assert order.payment_method is PaymentMethod.POINT
    assert (order.buyer_id, order.placed_at, order.expires_at) == (buyer_id, AT, None)
    assert order.lines == lines
    assert order.total == order.points_used == Money(350)
    assert order.discount == order.card_amount == Money.zero()


def test_the_history_has_actor_time_and_reason() -> None:
    order = placed(a_line())
    assert order.history == [
        OrderHistoryEntry(Status.CONFIRMED, AT, f"user:{order.buyer_id}", "Paid by points")
    ]


def test_a_paid_order_records_that_it_was_placed_and_then_confirmed() -> None:
    line = a_line(100, 2)
    order = placed(line)
    fields = {
        "aggregate_id": order.id,
        "order_id": order.id,
        "user_id": order.buyer_id,
        "lines": (
            LineOrdered(
                product_id=line.product_id,
                product_name="Anvil",
                unit_price=Money(100),
                quantity=2,
            ),
        ),
        "total": Money(200),
    }
    assert order.events == [
        OrderPlaced(aggregate_version=1, **fields),  # type: ignore[arg-type]
        OrderConfirmed(aggregate_version=2, confirmed_at=order.placed_at, **fields),  # type: ignore[arg-type]
    ]
    assert order.version == 2
    assert {event.source for event in order.events} == {"commerce.order"}


def test_orders_share_neither_history_nor_events() -> None:
    one, other = placed(a_line()), placed(a_line())
    assert len(one.history) == len(other.history) == 1
    assert {event.aggregate_id for event in one.events} == {one.id}


def test_a_free_product_can_be_ordered() -> None:
    order = placed(a_line(0, 5))
    assert order.status is Status.CONFIRMED
    assert order.points_used == Money.zero()


# Fifty of the dearest lines still cost what an order may.
@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 10**7)), min_size=1, max_size=50))
def test_the_total_is_the_sum_of_the_lines(bought: list[tuple[int, int]]) -> None:
    order = placed(*(a_line(price, quantity) for price, quantity in bought))
    assert order.total == Money(sum(price * quantity for price, quantity in bought))
    assert order.total == order.discount + order.points_used + order.card_amount
    assert [line.amount.amount for line in order.lines] == [p * q for p, q in bought]


def test_the_total_is_in_the_lines_currency() -> None:
    order = placed(a_line(5, 2, "USD"), a_line(1, 1, "USD"))
    assert order.total == order.points_used == Money(11, "USD")
    assert order.discount == Money(0, "USD")


@pytest.mark.parametrize("currencies", [("KRW", "USD"), ("USD", "KRW"), ("USD", "USD", "KRW")])
def test_lines_of_different_currencies_are_refused(currencies: tuple[str, ...]) -> None:
    lines = [a_line(0, 1, currency) for currency in currencies]
    with pytest.raises(CurrencyMismatch):
        total_of(lines)
    with pytest.raises(CurrencyMismatch):
        placed(*lines)
