"""A shipment: the notices of an order that are to be sent, and those that were."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from commerce.shared.postal import PostalAddress


class NoticeKind(StrEnum):
    """The things that a notice can say."""

    ORDER = "ORDER"
    UPDATE = "UPDATE"
    WITHDRAWAL = "WITHDRAWAL"


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """A product and a quantity to be packed."""

    product_id: UUID
    product_name: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ToDeliver:
    """The delivery that an order asks for: what, and to where. `version` rises when it changes."""

    version: int
    lines: tuple[NoticeLine, ...]
    ship_to: PostalAddress | None = field(default=None, repr=False)


ReadOrder: TypeAlias = Callable[[], ToDeliver]
"""Reads the order as it is now, in the transaction in which its shipment is locked."""


@dataclass(frozen=True, slots=True)
class ShipmentNotice:
    """A message to the delivery system, which identifies it by order id, kind and version."""

    order_id: UUID
    kind: NoticeKind
    content: ToDeliver


@dataclass(slots=True)
class Shipment:
    """One order's notices.

    The delivery system ends with nothing, or with ORDER, the UPDATEs in their order, and then
    WITHDRAWAL, in whatever order events arrive and wherever a process dies: ORDER is sent only if
    that began before the cancellation, the others only once ORDER is known to have arrived, and one
    notice at a time. A notice that was begun is completed first, with the content that it was begun
    with, because a lost answer may have been a success. `sent_version` is the version of the order
    that the delivery system is known to have.
    """

    order_id: UUID
    begun_at: datetime | None = None
    cancelled_at: datetime | None = None
    sent: set[NoticeKind] = field(default_factory=set)
    sent_version: int = 0
    under_way: ShipmentNotice | None = None

    def begin(self, at: datetime, read: ReadOrder) -> None:
        """Begin to send the confirmed order, unless it was cancelled before."""
        if self.cancelled_at is None and self.begun_at is None:
            self.begun_at = at
            if NoticeKind.ORDER not in self.sent:
                self.under_way = ShipmentNotice(self.order_id, NoticeKind.ORDER, read())

    def cancel(self, at: datetime) -> None:
        """Record the cancellation of the order; the first time counts."""
        self.cancelled_at = self.cancelled_at or at

    def repeat(self, at: datetime, read: ReadOrder, *, is_cancelled: bool) -> None:
        """Have sent what the delivery system is to know, also where it was sent before.

        A notice that is sent again has the key that it had, so that who has it ignores it.
        """
        if is_cancelled:
            self.cancel(at)
        else:
            self.begin(at, read)
        if self.next_notice(read) is not None:
            return
        if NoticeKind.WITHDRAWAL in self.sent:
            content = replace(read(), version=self.sent_version, ship_to=None)
            self.under_way = ShipmentNotice(self.order_id, NoticeKind.WITHDRAWAL, content)
        elif NoticeKind.ORDER in self.sent and self.cancelled_at is None:
            self.under_way = ShipmentNotice(self.order_id, NoticeKind.ORDER, read())

    def next_notice(self, read: ReadOrder) -> ShipmentNotice | None:
        """Return the notice to send now, which is under way from then on; None if there is none."""
        if self.under_way is None:
            self.under_way = self._following(read)
        return self.under_way

    def mark_sent(self, notice: ShipmentNotice) -> bool:
        """Record that the delivery system has the notice; return False if that was known."""
        is_known = notice.kind in self.sent and notice.content.version <= self.sent_version
        self.sent.add(notice.kind)
        self.sent_version = max(self.sent_version, notice.content.version)
        if self.under_way is not None and _key(self.under_way) == _key(notice):
            self.under_way = None
        return not is_known

    def _following(self, read: ReadOrder) -> ShipmentNotice | None:
        if NoticeKind.ORDER not in self.sent:
            if self.begun_at is None:
                return None
            # Begun by code that kept no content: what was sent is not known, so an UPDATE follows.
            return ShipmentNotice(self.order_id, NoticeKind.ORDER, replace(read(), version=0))
        if self.cancelled_at is not None:
            if NoticeKind.WITHDRAWAL in self.sent:
                return None
            content = replace(read(), version=self.sent_version, ship_to=None)
            return ShipmentNotice(self.order_id, NoticeKind.WITHDRAWAL, content)
        order = read()
        if order.version > self.sent_version:
            return ShipmentNotice(self.order_id, NoticeKind.UPDATE, order)
        return None


def _key(notice: ShipmentNotice) -> tuple[NoticeKind, int]:
    return notice.kind, notice.content.version
