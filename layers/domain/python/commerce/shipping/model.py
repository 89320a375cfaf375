"""A shipment: what the delivery system is to know of an order, and what it knows."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class NoticeKind(StrEnum):
    """What the delivery system is told."""

    ORDER = "ORDER"
    WITHDRAWAL = "WITHDRAWAL"


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """What is to be packed."""

    product_id: UUID
    product_name: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ShipmentNotice:
    """What is told of one order. Order id and kind are the delivery system's idempotency key."""

    order_id: UUID
    kind: NoticeKind
    lines: tuple[NoticeLine, ...]


@dataclass(slots=True)
class Shipment:
    """One order's notices.

    The delivery system ends with nothing, with ORDER, or with ORDER and then WITHDRAWAL, whatever
    we hear first, and wherever we are killed: ORDER is on its way only if that began before the
    order was called off, and WITHDRAWAL follows only when ORDER is known to have arrived. What
    was begun is brought to its end first, since nobody can tell what a lost answer said.
    """

    order_id: UUID
    begun_at: datetime | None = None
    called_off_at: datetime | None = None
    told: set[NoticeKind] = field(default_factory=set)

    @property
    def next_notice(self) -> NoticeKind | None:
        """What the delivery system must be told now; None where it knows all it has to."""
        if NoticeKind.ORDER not in self.told:
            return NoticeKind.ORDER if self.begun_at else None
        if self.called_off_at and NoticeKind.WITHDRAWAL not in self.told:
            return NoticeKind.WITHDRAWAL
        return None

    def begin(self, at: datetime) -> None:
        """The order is confirmed. If it was called off before, it is never told."""
        if self.called_off_at is None:
            self.begun_at = self.begun_at or at

    def call_off(self, at: datetime) -> None:
        """The order is cancelled."""
        self.called_off_at = self.called_off_at or at
