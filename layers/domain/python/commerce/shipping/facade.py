"""The use cases of the shipping context."""

from datetime import datetime
from uuid import UUID

from commerce.shared import clock
from commerce.shipping.model import NoticeKind, Shipment, ShipmentNotice
from commerce.shipping.repository import ShipmentRepository


class ShippingFacade:
    """Decides which notice is to be sent next; the methods return its kind, or None.

    Events arrive repeatedly, in any order and concurrently: the shipment's row is locked for each
    decision, and never while a notice is being sent.
    """

    def __init__(self, shipments: ShipmentRepository) -> None:
        self._shipments = shipments

    def begin(self, order_id: UUID) -> NoticeKind | None:
        """Record that the order is confirmed."""
        shipment = self._shipments.lock_or_open(order_id)
        shipment.begin(clock.now())
        return self._save(shipment)

    def cancel(self, order_id: UUID) -> NoticeKind | None:
        """Record that the order, which had been confirmed, is cancelled."""
        shipment = self._shipments.lock_or_open(order_id)
        shipment.cancel(clock.now())
        return self._save(shipment)

    def mark_sent(self, notice: ShipmentNotice) -> NoticeKind | None:
        """Record that the delivery system has the notice. Repeating it changes nothing."""
        shipment = self._shipments.lock_or_open(notice.order_id)
        shipment.sent.add(notice.kind)
        self._shipments.add_notice(notice.order_id, notice.kind, clock.now())
        return shipment.next_notice

    def notices_sent(self, order_id: UUID) -> list[tuple[NoticeKind, datetime]]:
        """Return the order's notices that were sent, each with its time, oldest first."""
        return self._shipments.notices_of(order_id)

    def _save(self, shipment: Shipment) -> NoticeKind | None:
        self._shipments.save(shipment)
        return shipment.next_notice
