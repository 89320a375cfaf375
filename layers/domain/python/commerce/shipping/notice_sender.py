"""The sending of shipment notices to the delivery system."""

from collections.abc import Callable
from typing import TypeAlias
from uuid import UUID

from commerce.shipping.delivery_system import DeliverySystem
from commerce.shipping.facade import ShippingFacade
from commerce.shipping.model import ShipmentNotice

InTransaction: TypeAlias = Callable[..., ShipmentNotice | None]
"""Calls a method of the facade in a transaction of its own.

Its arguments are the method, the order's id, and what the method takes after `read`.
"""


class NoticeSender:
    """Sends the notices of orders; every call may be repeated.

    The notice is committed before it is sent, and that it was sent is committed after. If the
    process dies in between, the next call sends it again, which the delivery system ignores.
    """

    def __init__(self, in_transaction: InTransaction, delivery_system: DeliverySystem) -> None:
        self._in_transaction = in_transaction
        self._delivery_system = delivery_system

    def send_order(self, order_id: UUID) -> None:
        """Have the order shipped, unless it is cancelled. Raises DeliverySystemFailed."""
        self._send_all(order_id, self._in_transaction(ShippingFacade.begin, order_id))

    def update_order(self, order_id: UUID) -> None:
        """Send what has changed of an order that was sent. Raises DeliverySystemFailed."""
        self._send_all(order_id, self._in_transaction(ShippingFacade.update, order_id))

    def cancel_order(self, order_id: UUID) -> None:
        """Withdraw the order if it was sent, or may have been. Raises DeliverySystemFailed."""
        self._send_all(order_id, self._in_transaction(ShippingFacade.cancel, order_id))

    def _send_all(self, order_id: UUID, notice: ShipmentNotice | None) -> None:
        while notice is not None:
            self._delivery_system.send(notice)
            notice = self._in_transaction(ShippingFacade.mark_sent, order_id, notice)
