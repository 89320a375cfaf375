"""An order's life cycle: all 25 pairs of states, who may change it, and the events."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from commerce.order import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderNotCancellable,
    OrderNotConfirmable,
    OrderNotDeliverable,
    OrderNotExpirable,
    OrderNotPayable,
    OrderNotShippable,
    OrderPlaced,
    OrderShipped,
)
from commerce.order.model import Order, OrderHistoryEntry, OrderLine, Status, Tracking
from commerce.shared import clock
from commerce.shared.errors import CommerceError, Kind
from commerce.shared.events import Event
from commerce.shared.money import Money

P, C, S, D, X = Status
BUYER = UUID("0190a000-0000-7000-8000-000000000001")
PLACED_AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
LATER = PLACED_AT + timedelta(minutes=15)
ADMIN = "admin:0190a000-0000-7000-8000-000000000002"


@dataclass(frozen=True)
class Way:
    """A change of status with its event and its refusal."""

    go: Callable[[Order], None]
    event: type[Event]
    refusal: type[CommerceError]


WAYS = {
    C: Way(
        lambda order: order.confirm(at=LATER, by="system", reason="Paid"),
        OrderConfirmed,
        OrderNotConfirmable,
    ),
    S: Way(
        lambda order: order.ship(Tracking("CJ", "1"), at=LATER, by=ADMIN, reason="Gone"),
        OrderShipped,
        OrderNotShippable,
    ),
    D: Way(
        lambda order: order.deliver(at=LATER, by=ADMIN, reason="There"),
        OrderDelivered,
        OrderNotDeliverable,
    ),
    X: Way(
        lambda order: order.cancel(at=LATER, by=ADMIN, reason="Lost", as_admin=True),
        OrderCancelled,
        OrderNotCancellable,
    ),
}
PAIRS = list(product(Status, Status))
ALLOWED = {(P, C), (P, X), (C, S), (C, X), (S, D), (S, X)}


def line(price: int = 1000, quantity: int = 2) -> OrderLine:
    number = UUID(int=price)
    return OrderLine(number, "Anvil", number, "Acme", Money(price), quantity)


def pending(points: int = 0) -> Order:
    return Order.awaiting_card(
        id_=UUID("0190a000-0000-7000-8000-00000000000a"),
        buyer_id=BUYER,
        lines=[line(), line(price=500, quantity=1)],
        points=Money(points),
        at=PLACED_AT,
        expires_at=LATER,
    )


def order_in(status: Status, points: int = 0) -> Order:
    """An order in this status, without the events that led there."""
    order = pending(points)
    for step in {P: [], C: [C], S: [C, S], D: [C, S, D], X: [X]}[status]:
        WAYS[step].go(order)
    order.events.clear()
    return order


@pytest.mark.parametrize(("start", "end"), PAIRS, ids=str)
def test_each_of_25_status_pairs_changes_or_is_refused(start: Status, end: Status) -> None:
    order = order_in(start)
    before = deepcopy(order)
    assert order.can_become(end) is ((start, end) in ALLOWED)
    if end is P:
        return  # no transition leads to PENDING
    way = WAYS[end]
    if (start, end) in ALLOWED:
        way.go(order)
        assert order.status is end
        assert order.history[:-1] == before.history
        assert (order.history[-1].status, order.history[-1].at) == (end, LATER)
        [event] = order.events
        assert type(event) is way.event
        assert (event.aggregate_id, event.aggregate_version) == (order.id, before.version + 1)
    else:
        with pytest.raises(way.refusal) as refused:
            way.go(order)
        assert refused.value.kind is Kind.CONFLICT
        assert refused.value.detail == f"The order is {start}."
        assert order == before


def test_every_status_pair_is_tested() -> None:
    assert set(WAYS) == set(Status) - {P}
    assert len(PAIRS) == 25


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (OrderNotConfirmable, "ORDER_NOT_CONFIRMABLE"),
        (OrderNotCancellable, "ORDER_NOT_CANCELLABLE"),
        (OrderNotShippable, "ORDER_NOT_SHIPPABLE"),
        (OrderNotDeliverable, "ORDER_NOT_DELIVERABLE"),
        (OrderNotExpirable, "ORDER_NOT_EXPIRABLE"),
    ],
)
def test_each_refusal_has_its_code(refusal: type[CommerceError], code: str) -> None:
    assert refusal.code == code


@pytest.mark.parametrize("status", Status)
def test_a_buyer_can_cancel_until_shipment(status: Status) -> None:
    order = order_in(status)
    if status in (P, C):
        order.cancel(at=LATER, by=f"user:{BUYER}", reason="Changed my mind")
        assert order.history[-1] == OrderHistoryEntry(X, LATER, f"user:{BUYER}", "Changed my mind")
    else:
        before = deepcopy(order)
        with pytest.raises(OrderNotCancellable):
            order.cancel(at=LATER, by=f"user:{BUYER}", reason="Changed my mind")
        assert order == before


@pytest.mark.parametrize("status", Status)
def test_only_an_unpaid_order_expires(status: Status) -> None:
    order = order_in(status)
    if status is P:
        order.expire(at=LATER)
        assert order.history[-1] == OrderHistoryEntry(X, LATER, "system", "Not paid in time")
    else:
        before = deepcopy(order)
        with pytest.raises(OrderNotExpirable):
            order.expire(at=LATER)
        assert order == before


def test_no_order_expires_before_its_time() -> None:
    order = order_in(P)
    with pytest.raises(OrderNotExpirable):
        order.expire(at=LATER - timedelta(microseconds=1))
    order.expires_at = None
    with pytest.raises(OrderNotExpirable):
        order.expire(at=LATER)
    assert order.status is P


def test_an_order_is_payable_until_the_moment_at_which_it_expires() -> None:
    order = pending(points=500)
    due = order.due(at=LATER - timedelta(microseconds=1))
    assert (due.order_id, due.buyer_id, due.amount) == (order.id, BUYER, Money(2000))
    with pytest.raises(OrderNotPayable, match="time to pay"):
        order.due(at=LATER)


def test_an_order_awaiting_its_card_is_pending_until_it_expires() -> None:
    order = pending(points=500)
    assert (order.status, order.expires_at, order.version) == (P, LATER, 1)
    assert (order.total, order.points_used, order.card_amount) == (
        Money(2500),
        Money(500),
        Money(2000),
    )
    assert order.history == [OrderHistoryEntry(P, PLACED_AT, f"user:{BUYER}", "To be paid by card")]
    assert [type(event) for event in order.events] == [OrderPlaced]


def test_an_order_paid_by_points_is_confirmed_at_once() -> None:
    order = Order.paid_by_points(id_=UUID(int=1), buyer_id=BUYER, lines=[line()], at=PLACED_AT)
    assert (order.status, order.card_amount, order.version) == (C, Money(0), 2)
    assert order.history == [OrderHistoryEntry(C, PLACED_AT, f"user:{BUYER}", "Paid by points")]
    assert [type(event) for event in order.events] == [OrderPlaced, OrderConfirmed]


@pytest.mark.parametrize(
    ("status", "confirmed", "card_refund"), [(P, False, 0), (C, True, 2000), (S, True, 2000)]
)
def test_a_cancellation_event_carries_what_is_returned(
    status: Status,
    confirmed: bool,  # noqa: FBT001
    card_refund: int,
) -> None:
    order = order_in(status, points=500)
    order.cancel(at=LATER, by=ADMIN, reason="Lost", as_admin=True)
    [event] = order.events
    envelope = event.envelope()
    assert (envelope["source"], envelope["type"]) == ("commerce.order", "OrderCancelled")
    assert envelope["data"] == {
        "order_id": str(order.id),
        "user_id": str(BUYER),
        "lines": [
            {
                "product_id": str(UUID(int=price)),
                "product_name": "Anvil",
                "unit_price": {"amount": price, "currency": "KRW"},
                "quantity": quantity,
            }
            for price, quantity in ((1000, 2), (500, 1))
        ],
        "total": {"amount": 2500, "currency": "KRW"},
        "points_used": {"amount": 500, "currency": "KRW"},
        "card_refund": {"amount": card_refund, "currency": "KRW"},
        "was_confirmed": confirmed,
        "reason": "Lost",
        "confirmed_at": clock.rfc3339(LATER) if confirmed else None,
    }


def test_every_change_is_in_the_history_and_in_the_events_in_order() -> None:
    order = pending()
    for status in (C, S, D):
        WAYS[status].go(order)
    assert [step.status for step in order.history] == [P, C, S, D]
    assert [event.aggregate_version for event in order.events] == [1, 2, 3, 4]
    assert [type(event) for event in order.events] == [
        OrderPlaced,
        OrderConfirmed,
        OrderShipped,
        OrderDelivered,
    ]
