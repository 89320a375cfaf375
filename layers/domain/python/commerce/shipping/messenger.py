"""The messenger: brings what the delivery system has to know there, notice by notice."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from commerce.shipping.delivery_system import DeliverySystem
from commerce.shipping.facade import ShippingFacade
from commerce.shipping.model import NoticeKind, NoticeLine, ShipmentNotice


class Transact(Protocol):
    """Runs one decision in a transaction of its own."""

    def __call__(self, work: Callable[[ShippingFacade], NoticeKind | None]) -> NoticeKind | None:
        """Do the work and commit it."""


class Messenger:
    """Tells of confirmed and cancelled orders, each call as often as somebody likes.

    What is meant to be told is committed before it is sent, and what was told after: killed in
    between, whoever comes next sends it again, which is harmless over there.
    """

    def __init__(self, transact: Transact, delivery_system: DeliverySystem) -> None:
        self._transact = transact
        self._delivery_system = delivery_system

    def order(self, order_id: UUID, lines: Sequence[NoticeLine]) -> None:
        """The order is to be shipped, unless it is cancelled. Raises DeliverySystemFailed."""
        self._tell(order_id, lines, self._transact(lambda shipping: shipping.begin(order_id)))

    def call_off(self, order_id: UUID, lines: Sequence[NoticeLine]) -> None:
        """The order is not to be shipped any more. Raises DeliverySystemFailed."""
        self._tell(order_id, lines, self._transact(lambda shipping: shipping.call_off(order_id)))

    def _tell(self, order_id: UUID, lines: Sequence[NoticeLine], kind: NoticeKind | None) -> None:
        while kind is not None:
            kind = self._send(ShipmentNotice(order_id, kind, tuple(lines)))

    def _send(self, notice: ShipmentNotice) -> NoticeKind | None:
        self._delivery_system.send(notice)
        return self._transact(lambda shipping: shipping.mark_sent(notice))
