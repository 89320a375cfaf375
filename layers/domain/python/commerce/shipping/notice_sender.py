"""The sending of shipment notices to the delivery system."""

from collections.abc import Callable, Sequence
from typing import TypeAlias
from uuid import UUID

from commerce.shipping.delivery_system import DeliverySystem
from commerce.shipping.facade import ShippingFacade
from commerce.shipping.model import NoticeKind, NoticeLine, ShipmentNotice

InTransaction: TypeAlias = Callable[..., NoticeKind | None]
"""Calls a method of the facade, with its arguments, in a transaction of its own."""


class NoticeSender:
    """Sends the notices of confirmed and cancelled orders; every call may be repeated.

    The intent is committed before a notice is sent, and that it was sent is committed after. If
    the process dies in between, the next call sends it again, which the delivery system ignores.
    """

    def __init__(self, in_transaction: InTransaction, delivery_system: DeliverySystem) -> None:
        self._in_transaction = in_transaction
        self._delivery_system = delivery_system

    def send_order(self, order_id: UUID, lines: Sequence[NoticeLine]) -> None:
        """Have the order shipped, unless it is cancelled. Raises DeliverySystemFailed."""
        self._send_all(order_id, lines, self._in_transaction(ShippingFacade.begin, order_id))

    def cancel_order(self, order_id: UUID, lines: Sequence[NoticeLine]) -> None:
        """Withdraw the order if it was sent, or may have been. Raises DeliverySystemFailed."""
        self._send_all(order_id, lines, self._in_transaction(ShippingFacade.cancel, order_id))

    def _send_all(
        self, order_id: UUID, lines: Sequence[NoticeLine], kind: NoticeKind | None
    ) -> None:
        while kind is not None:
            notice = ShipmentNotice(order_id, kind, tuple(lines))
            self._delivery_system.send(notice)
            kind = self._in_transaction(ShippingFacade.mark_sent, notice)
