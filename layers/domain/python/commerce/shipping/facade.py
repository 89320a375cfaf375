"""The use cases of the shipping context."""

from datetime import datetime
from uuid import UUID

from commerce.shared import clock
from commerce.shipping.model import NoticeKind, ReadOrder, Shipment, ShipmentNotice
from commerce.shipping.repository import ShipmentRepository


class ShippingFacade:
    """Decides which notice is to be sent next; the methods return it, or None.

    Events arrive repeatedly, in any order and concurrently: the shipment's row is locked for each
    decision, and never while a notice is being sent. `read` reads the order under that lock, so
    that a later decision has read what was committed later.
    """

    def __init__(self, shipments: ShipmentRepository) -> None:
        self._shipments = shipments

    def begin(self, order_id: UUID, read: ReadOrder) -> ShipmentNotice | None:
        """Record that the order is confirmed."""
        shipment = self._shipments.lock_or_open(order_id)
        shipment.begin(clock.now(), read)
        return self._next(shipment, read)

    def update(self, order_id: UUID, read: ReadOrder) -> ShipmentNotice | None:
        """Record nothing: the order, which has changed, says what to send."""
        return self._next(self._shipments.lock_or_open(order_id), read)

    def cancel(self, order_id: UUID, read: ReadOrder) -> ShipmentNotice | None:
        """Record that the order, which had been confirmed, is cancelled."""
        shipment = self._shipments.lock_or_open(order_id)
        shipment.cancel(clock.now())
        return self._next(shipment, read)

    def repeat(
        self, order_id: UUID, read: ReadOrder, *, is_cancelled: bool
    ) -> ShipmentNotice | None:
        """Have sent again what the delivery system is to know of a confirmed or cancelled order."""
        shipment = self._shipments.lock_or_open(order_id)
        shipment.repeat(clock.now(), read, is_cancelled=is_cancelled)
        self._shipments.save(shipment)
        return shipment.under_way

    def mark_sent(
        self, order_id: UUID, read: ReadOrder, notice: ShipmentNotice
    ) -> ShipmentNotice | None:
        """Record that the delivery system has the notice. Repeating it changes nothing."""
        shipment = self._shipments.lock_or_open(order_id)
        if shipment.mark_sent(notice):
            self._shipments.add_notice(order_id, notice.kind, clock.now())
        return self._next(shipment, read)

    def notices_sent(self, order_id: UUID) -> list[tuple[NoticeKind, datetime]]:
        """Return the order's notices that were sent, each kind with its last time, oldest first."""
        return self._shipments.notices_of(order_id)

    def _next(self, shipment: Shipment, read: ReadOrder) -> ShipmentNotice | None:
        notice = shipment.next_notice(read)
        self._shipments.save(shipment)
        return notice
