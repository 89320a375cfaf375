"""Delivered shipment notices in memory: what a write changes, the next read sees."""

from datetime import datetime
from uuid import UUID

from commerce.shipping import NoticeKind


class MemoryNoticeRepository:
    """The promises of commerce.shipping.repository.NoticeRepository, without a database."""

    def __init__(self) -> None:
        self.delivered: dict[tuple[UUID, NoticeKind], datetime] = {}

    def is_delivered(self, order_id: UUID, kind: NoticeKind) -> bool:
        return (order_id, kind) in self.delivered

    def add(self, order_id: UUID, kind: NoticeKind, delivered_at: datetime) -> None:
        self.delivered.setdefault((order_id, kind), delivered_at)
