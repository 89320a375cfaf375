"""Shipments: in whatever order we hear, the delivery system ends with what is true."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.shipping import (
    DeliverySystemFailed,
    Messenger,
    NoticeKind,
    NoticeLine,
    ShipmentNotice,
    ShippingFacade,
)
from commerce.shipping.model import Shipment
from tests.support.memory.shipping import MemoryShipmentRepository

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
ORDER, WITHDRAWAL = NoticeKind.ORDER, NoticeKind.WITHDRAWAL
LINES = (NoticeLine(uuid4(), "Anvil", 2),)


def shipment(*heard: str, told: Sequence[NoticeKind] = ()) -> Shipment:
    found = Shipment(uuid4(), told=set(told))
    for each in heard:
        found.begin(NOW) if each == "confirmed" else found.call_off(NOW)
    return found


@pytest.mark.parametrize(
    ("heard", "told", "following"),
    [
        ([], [], None),
        (["confirmed"], [], ORDER),
        (["confirmed"], [ORDER], None),
        (["cancelled"], [], None),
        (["cancelled", "confirmed"], [], None),
        (["confirmed", "cancelled"], [], ORDER),  # it may be there: only then WITHDRAWAL follows
        (["confirmed", "cancelled"], [ORDER], WITHDRAWAL),
        (["confirmed", "cancelled"], [ORDER, WITHDRAWAL], None),
        (["cancelled"], [ORDER], WITHDRAWAL),  # told before shipments were kept
    ],
)
def test_what_is_told_next(
    heard: list[str], told: list[NoticeKind], following: NoticeKind | None
) -> None:
    assert shipment(*heard, told=told).next_notice is following


def test_hearing_again_keeps_the_first_time() -> None:
    found = shipment("confirmed", "cancelled")
    found.begin(NOW.replace(year=2027))
    found.call_off(NOW.replace(year=2027))
    assert (found.begun_at, found.called_off_at) == (NOW, NOW)


def go_on(notice: ShipmentNotice) -> None:
    """Nothing happens to it."""


def fail(notice: ShipmentNotice) -> None:
    raise DeliverySystemFailed("It answered 500.")


class Delivery:
    """A delivery system that keeps each notice once, and fails as it is told."""

    def __init__(self) -> None:
        self.notices: list[tuple[UUID, NoticeKind]] = []
        self.lines: set[tuple[NoticeLine, ...]] = set()
        self.before_keeping: Callable[[ShipmentNotice], None] = go_on
        self.after_keeping: Callable[[ShipmentNotice], None] = go_on

    def send(self, notice: ShipmentNotice) -> None:
        self.before_keeping(notice)
        self.lines.add(notice.lines)
        if (notice.order_id, notice.kind) not in self.notices:
            self.notices.append((notice.order_id, notice.kind))
        self.after_keeping(notice)


def messenger_of(delivery: Delivery) -> Messenger:
    shipping = ShippingFacade(MemoryShipmentRepository())
    return Messenger(lambda work: work(shipping), delivery)


def kinds(delivery: Delivery) -> list[NoticeKind]:
    return [kind for _, kind in delivery.notices]


def test_an_order_is_told_once_however_often_it_is_confirmed() -> None:
    delivery, order_id = Delivery(), uuid4()
    messenger = messenger_of(delivery)
    for _ in range(3):
        messenger.order(order_id, LINES)
    assert delivery.notices == [(order_id, ORDER)]
    assert delivery.lines == {LINES}


def test_a_cancelled_order_is_withdrawn_once() -> None:
    delivery, order_id = Delivery(), uuid4()
    messenger = messenger_of(delivery)
    messenger.order(order_id, LINES)
    for _ in range(3):
        messenger.call_off(order_id, LINES)
    assert delivery.notices == [(order_id, ORDER), (order_id, WITHDRAWAL)]


def test_a_cancellation_that_overtakes_keeps_the_order_from_being_told() -> None:
    delivery, order_id = Delivery(), uuid4()
    messenger = messenger_of(delivery)
    messenger.call_off(order_id, LINES)
    messenger.order(order_id, LINES)
    messenger.call_off(order_id, LINES)
    assert delivery.notices == []


def test_a_cancellation_while_the_order_is_being_sent_follows_it() -> None:
    delivery, order_id = Delivery(), uuid4()
    messenger = messenger_of(delivery)

    def cancel_meanwhile(notice: ShipmentNotice) -> None:
        delivery.before_keeping = go_on
        messenger.call_off(order_id, LINES)
        assert kinds(delivery) == [ORDER, WITHDRAWAL]

    delivery.before_keeping = cancel_meanwhile  # nobody knows yet whether ORDER will arrive
    messenger.order(order_id, LINES)
    assert kinds(delivery) == [ORDER, WITHDRAWAL]


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_whoever_comes_next_brings_a_failed_notice_to_its_end(lost: str) -> None:
    delivery, order_id = Delivery(), uuid4()
    messenger = messenger_of(delivery)
    place = "before_keeping" if lost == "request" else "after_keeping"
    setattr(delivery, place, fail)
    with pytest.raises(DeliverySystemFailed):
        messenger.order(order_id, LINES)
    with pytest.raises(DeliverySystemFailed):
        messenger.call_off(order_id, LINES)
    setattr(delivery, place, go_on)
    messenger.order(order_id, LINES)
    assert kinds(delivery) == [ORDER, WITHDRAWAL]


class Unreliable(Delivery):
    """Loses requests and answers as the list says, and nothing any more when it has ended."""

    def __init__(self, losses: Sequence[str]) -> None:
        super().__init__()
        self._losses = iter(losses)
        self._loss = "none"
        self.before_keeping, self.after_keeping = self._request, self._answer

    def _request(self, notice: ShipmentNotice) -> None:
        self._loss = next(self._losses, "none")
        if self._loss == "request":
            fail(notice)

    def _answer(self, notice: ShipmentNotice) -> None:
        if self._loss == "answer":
            fail(notice)


def try_until_done(call: Callable[[], None], see: Callable[[], None]) -> None:
    while True:
        try:
            call()
        except DeliverySystemFailed:
            see()
        else:
            return


@pytest.mark.parametrize("calls", sorted(set(permutations(["order", "call_off"] * 2))))
@given(losses=st.lists(st.sampled_from(["none", "request", "answer"]), max_size=8))
def test_every_order_of_hearing_and_losing_ends_well(
    calls: tuple[str, ...], losses: list[str]
) -> None:
    delivery, order_id = Unreliable(losses), uuid4()
    messenger = messenger_of(delivery)

    def see() -> None:
        assert kinds(delivery) in ([], [ORDER], [ORDER, WITHDRAWAL])

    for call in calls:
        try_until_done(partial(getattr(messenger, call), order_id, LINES), see)
    assert kinds(delivery) == ([] if calls[0] == "call_off" else [ORDER, WITHDRAWAL])
