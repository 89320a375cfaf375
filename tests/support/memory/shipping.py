"""Shipments in memory: what a write changes, the next read sees."""

from copy import deepcopy
from datetime import datetime
from uuid import UUID

from commerce.shipping import NoticeKind
from commerce.shipping.model import Shipment


class MemoryShipmentRepository:
    """A commerce.shipping.repository.ShipmentRepository without a database."""

    def __init__(self) -> None:
        self._shipments: dict[UUID, Shipment] = {}
        self.delivered: dict[tuple[UUID, NoticeKind], datetime] = {}

    def lock_or_open(self, order_id: UUID) -> Shipment:
        shipment = deepcopy(self._shipments.setdefault(order_id, Shipment(order_id)))
        shipment.sent = {kind for id_, kind in self.delivered if id_ == order_id}
        return shipment

    def save(self, shipment: Shipment) -> None:
        self._shipments[shipment.order_id] = deepcopy(shipment)

    def add_notice(self, order_id: UUID, kind: NoticeKind, delivered_at: datetime) -> None:
        if kind is NoticeKind.UPDATE:
            self.delivered[order_id, kind] = delivered_at
        self.delivered.setdefault((order_id, kind), delivered_at)

    def notices_of(self, order_id: UUID) -> list[tuple[NoticeKind, datetime]]:
        found = [(kind, at) for (id_, kind), at in self.delivered.items() if id_ == order_id]
        return sorted(found, key=lambda each: each[1])
