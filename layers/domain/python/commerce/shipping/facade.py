"""The only door to the shipping context."""

from datetime import datetime
from uuid import UUID

from commerce.shared import clock
from commerce.shipping.model import NoticeKind, Shipment, ShipmentNotice
from commerce.shipping.repository import ShipmentRepository


class ShippingFacade:
    """Decides what the delivery system is told next; each answer is that, or None.

    Orders are heard of several times and in any order, by several functions at once: the
    shipment's row is locked for each decision, and never while the delivery system is waited for.
    """

    def __init__(self, shipments: ShipmentRepository) -> None:
        self._shipments = shipments

    def begin(self, order_id: UUID) -> NoticeKind | None:
        """The order is confirmed."""
        shipment = self._shipments.lock_or_open(order_id)
        shipment.begin(clock.now())
        return self._keep(shipment)

    def call_off(self, order_id: UUID) -> NoticeKind | None:
        """The order, which had been confirmed, is cancelled."""
        shipment = self._shipments.lock_or_open(order_id)
        shipment.call_off(clock.now())
        return self._keep(shipment)

    def mark_sent(self, notice: ShipmentNotice) -> NoticeKind | None:
        """The delivery system has the notice; however often this is said."""
        shipment = self._shipments.lock_or_open(notice.order_id)
        shipment.told.add(notice.kind)
        self._shipments.add_notice(notice.order_id, notice.kind, clock.now())
        return shipment.next_notice

    def notices_sent(self, order_id: UUID) -> list[tuple[NoticeKind, datetime]]:
        """The notices of an order that the delivery system has, and since when, oldest first."""
        return self._shipments.notices_of(order_id)

    def _keep(self, shipment: Shipment) -> NoticeKind | None:
        self._shipments.save(shipment)
        return shipment.next_notice
