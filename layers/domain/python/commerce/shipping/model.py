"""A shipment notice: an order, told to the external delivery system."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class NoticeKind(StrEnum):
    """What the delivery system is told."""

    ORDER = "ORDER"


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """What is to be packed."""

    product_id: UUID
    product_name: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ShipmentNotice:
    """One order, to be shipped. Its order id is the delivery system's idempotency key."""

    order_id: UUID
    kind: NoticeKind
    lines: tuple[NoticeLine, ...]
