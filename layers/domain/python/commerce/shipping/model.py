"""A shipment: the notices of an order that are to be sent, and those that were."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class NoticeKind(StrEnum):
    """The two things that a notice can say."""

    ORDER = "ORDER"
    WITHDRAWAL = "WITHDRAWAL"


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """A product and a quantity to be packed."""

    product_id: UUID
    product_name: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ShipmentNotice:
    """A message to the delivery system, which identifies it by order id and kind."""

    order_id: UUID
    kind: NoticeKind
    lines: tuple[NoticeLine, ...]


@dataclass(slots=True)
class Shipment:
    """One order's notices.

    The delivery system ends with nothing, with ORDER, or with ORDER and then WITHDRAWAL, in
    whatever order events arrive and wherever a process dies: ORDER is sent only if that began
    before the cancellation, and WITHDRAWAL only once ORDER is known to have arrived. A notice
    that was begun is completed first, because a lost answer may have been a success.
    """

    order_id: UUID
    begun_at: datetime | None = None
    cancelled_at: datetime | None = None
    sent: set[NoticeKind] = field(default_factory=set)

    @property
    def next_notice(self) -> NoticeKind | None:
        """The notice to send now; None if there is nothing to send."""
        if NoticeKind.ORDER not in self.sent:
            return NoticeKind.ORDER if self.begun_at else None
        if self.cancelled_at and NoticeKind.WITHDRAWAL not in self.sent:
            return NoticeKind.WITHDRAWAL
        return None

    def begin(self, at: datetime) -> None:
        """Begin to send the confirmed order, unless it was cancelled before."""
        if self.cancelled_at is None:
            self.begun_at = self.begun_at or at

    def cancel(self, at: datetime) -> None:
        """Record the cancellation of the order; the first time counts."""
        self.cancelled_at = self.cancelled_at or at
