"""Units of a delivered order go back for what was paid for them, once, within their window."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.order import RefundExceedsPaid, ReturnNotFound, ReturnNotPossible
from commerce.order.model import Discount, Order, OrderLine, Status, Tracking
from commerce.order.returns import ReceivedUnits, ReturnStatus
from commerce.shared.money import Money

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
WINDOW = timedelta(days=30)
BOUGHT = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 20)), min_size=1, max_size=4)


def an_order(bought: list[tuple[int, int]], discount: int = 0, points: int = 0) -> Order:
    """An order that was delivered at AT."""
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
    order.ship(Tracking(), at=AT, by="admin:x", reason="Gone")
    order.deliver(at=AT, by="admin:x", reason="There")
    return order


def request(order: Order, *units: int, at: datetime = AT) -> UUID:
    """Request the return of units of the first lines."""
    id_ = uuid4()
    wanted = {
        str(line.product_id): (n, "Too heavy")
        for line, n in zip(order.lines, units, strict=False)
        if n
    }
    order.request_return(id_, wanted, within=WINDOW, at=at, by="user:x")
    return id_


def receive(order: Order, return_id: UUID, *units: int) -> tuple[int, int]:
    """Receive units of the first lines; return what the card and the account get back."""
    order.refund, order.freed = None, ()
    came = {
        str(line.product_id): ReceivedUnits(n, restock=True)
        for line, n in zip(order.lines, units, strict=False)
        if n
    }
    order.receive_return(return_id, came, at=AT, by="admin:x")
    return (order.refund.card.amount, order.refund.points.amount) if order.refund else (0, 0)


def test_received_units_are_refunded_to_the_card_first() -> None:
    order = an_order([(100, 5)], points=150)  # 350 by card
    assert receive(order, request(order, 3), 3) == (300, 0)
    assert receive(order, request(order, 2), 2) == (50, 150)
    assert (order.status, order.lines[0].returned_quantity) == (Status.DELIVERED, 5)
    assert order.refunded == Money(500)


def test_each_returned_unit_bears_its_own_share_of_the_discount() -> None:
    order = an_order([(100, 4), (0, 1)], discount=3)
    assert [receive(order, request(order, 1), 1) for _ in range(4)] == [
        (100, 0), (99, 0), (99, 0), (99, 0),
    ]  # fmt: skip


def test_a_return_refunds_what_staff_have_left() -> None:
    order = an_order([(100, 2)], points=200)
    order.refund_by_staff(Money(150), at=AT, by="admin:x", reason="Sorry")
    assert receive(order, request(order, 2), 2) == (0, 50)


def test_the_window_ends_with_its_last_moment() -> None:
    order, end = an_order([(100, 2)]), AT + WINDOW
    for late in (end, end + timedelta(seconds=1)):
        with pytest.raises(ReturnNotPossible, match="within 30 days"):
            request(order, 1, at=late)
    request(order, 1, at=end - timedelta(microseconds=1))
    assert len(order.returns) == 1


def test_units_of_an_open_return_are_not_requested_again() -> None:
    order = an_order([(100, 3), (7, 2)])
    request(order, 2)
    with pytest.raises(ReturnNotPossible) as refused:
        request(order, 2, 2)
    assert [each["left"] for each in refused.value.errors] == [1]
    request(order, 1, 2)
    assert len(order.returns) == 2


@pytest.mark.parametrize("end", ["withdraw", "reject", "receive"])
def test_an_ended_return_stays_as_it_ended(end: str) -> None:
    order = an_order([(100, 3)])
    id_ = request(order, 2)
    ends: dict[str, Callable[[], object]] = {
        "withdraw": lambda: order.withdraw_return(id_, at=AT, by="user:x"),
        "reject": lambda: order.reject_return(id_, at=AT, by="admin:x", reason="Worn"),
        "receive": lambda: receive(order, id_, 1),
    }
    ends[end]()
    ended, refunded = order.find_return(id_), order.refunded
    for again in ends.values():
        with pytest.raises(ReturnNotPossible, match=f"is {ended.status} already"):
            again()
    assert (order.find_return(id_), order.refunded) == (ended, refunded)
    assert not ended.is_open


def test_another_orders_return_is_not_found() -> None:
    order, other = an_order([(100, 1)]), an_order([(100, 1)])
    id_ = request(other, 1)
    with pytest.raises(ReturnNotFound):
        order.withdraw_return(id_, at=AT, by="user:x")


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.DELIVERED])
def test_only_a_delivered_order_goes_back(status: Status) -> None:
    order = an_order([(100, 1)])
    order.status = status
    with pytest.raises(ReturnNotPossible, match=f"The order is {status}"):
        request(order, 1)


@pytest.mark.parametrize("status", [Status.PENDING, Status.CANCELLED])
def test_staff_refund_no_order_that_is_not_paid(status: Status) -> None:
    order = an_order([(100, 1)], points=40)
    order.status = status
    with pytest.raises(RefundExceedsPaid) as refused:
        order.refund_by_staff(Money(1), at=AT, by="admin:x", reason="Sorry")
    assert refused.value.facts["left"]["amount"] == 0


@given(BOUGHT, st.data())
def test_returns_and_staff_refund_what_was_paid_by_each_means_and_no_more(
    bought: list[tuple[int, int]], data: st.DataObject
) -> None:
    total = sum(price * quantity for price, quantity in bought)
    discount = data.draw(st.integers(0, total))
    points = data.draw(st.integers(0, total - discount))
    order = an_order(bought, discount, points)
    by_card, paid = order.card_amount.amount, order.card_amount.amount + points
    card = account = 0
    while any(line.quantity_left for line in order.lines):
        left = paid - card - account
        if left and data.draw(st.booleans()):
            order.refund = None
            amount = Money(data.draw(st.integers(1, left)))
            order.refund_by_staff(amount, at=AT, by="admin:x", reason="Sorry")
            assert order.refund is not None
            to_card, to_account = order.refund.card.amount, order.refund.points.amount
        else:
            units = [data.draw(st.integers(0, line.quantity_left)) for line in order.lines]
            if not any(units):
                units = [line.quantity_left for line in order.lines]
            id_ = request(order, *units)
            assert order.find_return(id_).status is ReturnStatus.REQUESTED
            to_card, to_account = receive(order, id_, *units)
        assert to_account == 0 or card + to_card == by_card  # the card comes first
        card, account = card + to_card, account + to_account
        assert (order.card_refunded.amount, order.points_refunded.amount) == (card, account)
    assert (card, account) == (by_card, points)
