"""Shipments: in whatever order events arrive, the delivery system ends with what is true."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import permutations
from typing import cast
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.shipping import (
    DeliverySystemFailed,
    NoticeKind,
    NoticeLine,
    NoticeSender,
    ReadOrder,
    ShipmentNotice,
    ShippingFacade,
    ToDeliver,
)
from commerce.shipping.model import Shipment
from commerce.shipping.notice_sender import InTransaction
from tests.support.memory.shipping import MemoryShipmentRepository

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
ORDER, UPDATE, WITHDRAWAL = NoticeKind
LINES = (NoticeLine(uuid4(), "Anvil", 2),)


def placed() -> ToDeliver:
    return ToDeliver(0, LINES)


def shipment(*events: str, sent: Sequence[NoticeKind] = ()) -> Shipment:
    found = Shipment(uuid4(), sent=set(sent))
    for each in events:
        found.begin(NOW, placed) if each == "confirmed" else found.cancel(NOW)
    return found


@pytest.mark.parametrize(
    ("events", "sent", "following"),
    [
        ([], [], None),
        (["confirmed"], [], ORDER),
        (["confirmed"], [ORDER], None),
        (["cancelled"], [], None),
        (["cancelled", "confirmed"], [], None),
        (
            ["confirmed", "cancelled"],
            [],
            ORDER,
        ),  # ORDER may have arrived; WITHDRAWAL follows only if it has
        (["confirmed", "cancelled"], [ORDER], WITHDRAWAL),
        (["confirmed", "cancelled"], [ORDER, WITHDRAWAL], None),
        (["cancelled"], [ORDER], WITHDRAWAL),  # sent before shipments were stored
    ],
)
def test_the_next_notice_follows_from_the_events_and_the_notices_sent(
    events: list[str], sent: list[NoticeKind], following: NoticeKind | None
) -> None:
    notice = shipment(*events, sent=sent).next_notice(placed)
    assert (notice and notice.kind) is following


def test_a_repeated_event_keeps_the_first_time() -> None:
    found = shipment("confirmed", "cancelled")
    found.begin(NOW.replace(year=2027), placed)
    found.cancel(NOW.replace(year=2027))
    assert (found.begun_at, found.cancelled_at) == (NOW, NOW)


def go_on(notice: ShipmentNotice) -> None:
    """Let the notice through."""


def fail(notice: ShipmentNotice) -> None:
    raise DeliverySystemFailed("It answered 500.")


class Delivery:
    """A delivery system that stores each notice once, and fails on request."""

    def __init__(self) -> None:
        self.notices: list[tuple[UUID, NoticeKind]] = []
        self.lines: set[tuple[NoticeLine, ...]] = set()
        self.received: dict[tuple[UUID, NoticeKind, int], ToDeliver] = {}
        self.before_storing: Callable[[ShipmentNotice], None] = go_on
        self.after_storing: Callable[[ShipmentNotice], None] = go_on

    def send(self, notice: ShipmentNotice) -> None:
        self.before_storing(notice)
        self.lines.add(notice.content.lines)
        key = (notice.order_id, notice.kind, notice.content.version if notice.kind == UPDATE else 0)
        assert self.received.setdefault(key, notice.content) == notice.content
        if len(self.received) > len(self.notices):
            self.notices.append((notice.order_id, notice.kind))
        self.after_storing(notice)


def sender_to(delivery: Delivery, order: ReadOrder | None = None) -> NoticeSender:
    shipping = ShippingFacade(MemoryShipmentRepository())

    def call(method: Callable[..., ShipmentNotice | None], order_id: UUID, *args: object) -> object:
        return method(shipping, order_id, order or placed, *args)

    return NoticeSender(cast("InTransaction", call), delivery)


def kinds(delivery: Delivery) -> list[NoticeKind]:
    return [kind for _, kind in delivery.notices]


def test_an_order_is_sent_once_however_often_it_is_confirmed() -> None:
    delivery, order_id = Delivery(), uuid4()
    sender = sender_to(delivery)
    for _ in range(3):
        sender.send_order(order_id)
    assert delivery.notices == [(order_id, ORDER)]
    assert delivery.lines == {LINES}


def test_a_cancelled_order_is_withdrawn_once() -> None:
    delivery, order_id = Delivery(), uuid4()
    sender = sender_to(delivery)
    sender.send_order(order_id)
    for _ in range(3):
        sender.cancel_order(order_id)
    assert delivery.notices == [(order_id, ORDER), (order_id, WITHDRAWAL)]


def test_an_order_whose_cancellation_arrives_first_is_never_sent() -> None:
    delivery, order_id = Delivery(), uuid4()
    sender = sender_to(delivery)
    sender.cancel_order(order_id)
    sender.send_order(order_id)
    sender.cancel_order(order_id)
    assert delivery.notices == []


def test_a_cancellation_during_sending_sends_the_withdrawal_after() -> None:
    delivery, order_id = Delivery(), uuid4()
    sender = sender_to(delivery)

    def cancel_meanwhile(notice: ShipmentNotice) -> None:
        delivery.before_storing = go_on
        sender.cancel_order(order_id)
        assert kinds(delivery) == [ORDER, WITHDRAWAL]

    delivery.before_storing = cancel_meanwhile  # it is not known yet whether ORDER will arrive
    sender.send_order(order_id)
    assert kinds(delivery) == [ORDER, WITHDRAWAL]


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_the_next_call_completes_a_failed_notice(lost: str) -> None:
    delivery, order_id = Delivery(), uuid4()
    sender = sender_to(delivery)
    place = "before_storing" if lost == "request" else "after_storing"
    setattr(delivery, place, fail)
    with pytest.raises(DeliverySystemFailed):
        sender.send_order(order_id)
    with pytest.raises(DeliverySystemFailed):
        sender.cancel_order(order_id)
    setattr(delivery, place, go_on)
    sender.send_order(order_id)
    assert kinds(delivery) == [ORDER, WITHDRAWAL]


class Unreliable(Delivery):
    """Loses requests and answers as the list says, and nothing after its end."""

    def __init__(self, losses: Sequence[str]) -> None:
        super().__init__()
        self._losses = iter(losses)
        self._loss = "none"
        self.before_storing, self.after_storing = self._request, self._answer

    def _request(self, notice: ShipmentNotice) -> None:
        self._loss = next(self._losses, "none")
        if self._loss == "request":
            fail(notice)

    def _answer(self, notice: ShipmentNotice) -> None:
        if self._loss == "answer":
            fail(notice)


def try_until_done(call: Callable[[], None], check: Callable[[], None]) -> None:
    while True:
        try:
            call()
        except DeliverySystemFailed:
            check()
        else:
            return


@pytest.mark.parametrize("calls", sorted(set(permutations(["send_order", "cancel_order"] * 2))))
@given(losses=st.lists(st.sampled_from(["none", "request", "answer"]), max_size=8))
def test_every_order_of_events_and_losses_ends_consistently(
    calls: tuple[str, ...], losses: list[str]
) -> None:
    delivery, order_id = Unreliable(losses), uuid4()
    sender = sender_to(delivery)

    def check() -> None:
        assert kinds(delivery) in ([], [ORDER], [ORDER, WITHDRAWAL])

    for call in calls:
        try_until_done(partial(getattr(sender, call), order_id), check)
    assert kinds(delivery) == ([] if calls[0] == "cancel_order" else [ORDER, WITHDRAWAL])


class Changing:
    """An order that changes: read as it is now."""

    def __init__(self) -> None:
        self.version = 0

    def __call__(self) -> ToDeliver:
        lines = (NoticeLine(LINES[0].product_id, f"Anvil {self.version}", 2),)
        return ToDeliver(self.version, lines)


def test_a_change_while_a_notice_is_under_way_follows_it_and_alters_nothing_of_it() -> None:
    delivery, order, order_id = Delivery(), Changing(), uuid4()
    sender = sender_to(delivery, order)
    delivery.after_storing = fail  # what was begun may have arrived
    with pytest.raises(DeliverySystemFailed):
        sender.send_order(order_id)
    order.version = 4
    with pytest.raises(DeliverySystemFailed):
        sender.update_order(order_id)
    delivery.after_storing = go_on
    sender.update_order(order_id)
    assert kinds(delivery) == [ORDER, UPDATE]
    assert [each.version for each in delivery.received.values()] == [0, 4]


def test_an_order_that_changes_before_it_is_sent_is_sent_as_it_is_then() -> None:
    delivery, order, order_id = Delivery(), Changing(), uuid4()
    sender = sender_to(delivery, order)
    order.version = 2
    sender.update_order(order_id)
    assert delivery.notices == []
    sender.send_order(order_id)
    sender.update_order(order_id)
    assert delivery.received == {(order_id, ORDER, 0): order()}


def test_an_order_begun_by_code_that_kept_no_content_is_updated_afterwards() -> None:
    found = Shipment(uuid4(), begun_at=NOW)
    order = Changing()
    order.version = 3
    first = found.next_notice(order)
    assert first is not None
    assert (first.kind, first.content.version) == (ORDER, 0)
    found.mark_sent(first)
    second = found.next_notice(order)
    assert second is not None
    assert (second.kind, second.content.version) == (UPDATE, 3)


CALLS = st.lists(st.sampled_from(["change", "send", "update", "cancel"]), max_size=10)


@given(calls=CALLS, losses=st.lists(st.sampled_from(["none", "request", "answer"]), max_size=12))
def test_changes_in_any_order_with_losses_end_with_the_order_as_it_is(
    calls: list[str], losses: list[str]
) -> None:
    delivery, order, order_id = Unreliable(losses), Changing(), uuid4()
    sender = sender_to(delivery, order)
    for call in (*calls, *(["send", "update"] if "cancel" not in calls else [])):
        if call == "change":
            order.version += 1
        else:
            try_until_done(partial(getattr(sender, f"{call}_order"), order_id), lambda: None)
    sent = kinds(delivery)
    is_withdrawn = "cancel" in calls and sent != []
    assert (
        sent
        == [ORDER, *[UPDATE] * (len(sent) - 1 - is_withdrawn), *[WITHDRAWAL] * is_withdrawn][
            : len(sent)
        ]
    )
    versions = [each.version for each in delivery.received.values()]
    assert versions == sorted(versions)
    if "cancel" not in calls:
        assert versions[-1] == order.version


@pytest.mark.parametrize(
    ("events", "sent", "is_cancelled", "following"),
    [
        ([], [], False, ORDER),  # its event has not arrived yet
        (["confirmed"], [ORDER], False, ORDER),
        (["confirmed"], [ORDER], True, WITHDRAWAL),
        (["confirmed", "cancelled"], [ORDER, WITHDRAWAL], True, WITHDRAWAL),
        ([], [], True, None),  # it was never to be known
        (["cancelled"], [], False, None),
        # What was read of the order is older than its cancellation, which is recorded here.
        (["confirmed", "cancelled"], [ORDER], False, WITHDRAWAL),
        (["confirmed", "cancelled"], [ORDER, WITHDRAWAL], False, WITHDRAWAL),
    ],
)
def test_repeating_sends_what_is_missing_else_the_last_notice(
    events: list[str],
    sent: list[NoticeKind],
    is_cancelled: bool,  # noqa: FBT001  (of the table)
    following: NoticeKind | None,
) -> None:
    found = shipment(*events, sent=sent)
    if sent:
        found.under_way = None
    for _ in range(2):
        found.repeat(NOW, placed, is_cancelled=is_cancelled)
        assert (found.under_way and found.under_way.kind) == following
