"""The only door to the shipping context."""

from uuid import UUID

from commerce.shared import clock
from commerce.shipping.model import NoticeKind, ShipmentNotice
from commerce.shipping.repository import NoticeRepository


class ShippingFacade:
    """Remembers what the delivery system was told, so that it is told once."""

    def __init__(self, notices: NoticeRepository) -> None:
        self._notices = notices

    def is_told(self, order_id: UUID, kind: NoticeKind) -> bool:
        """Whether the delivery system has the notice already."""
        return self._notices.is_delivered(order_id, kind)

    def mark_told(self, notice: ShipmentNotice) -> None:
        """The delivery system has the notice; however often this is said."""
        self._notices.add(notice.order_id, notice.kind, clock.now())
