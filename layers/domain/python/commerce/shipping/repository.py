"""Delivered shipment notices in PostgreSQL."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import Uuid, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from commerce.shared.database import Statement
from commerce.shared.unit_of_work import UnitOfWork
from commerce.shipping.model import NoticeKind
from commerce.shipping.tables import shipment_notice_table

_n = shipment_notice_table.c
_FIND = Statement(
    select(_n.delivered_at).where(
        _n.order_id == bindparam("order_id", type_=Uuid), _n.kind == bindparam("kind")
    )
)
_ADD = Statement(
    insert(shipment_notice_table)
    .values({each.name: bindparam(each.name) for each in shipment_notice_table.columns})
    .on_conflict_do_nothing()
)


class NoticeRepository(Protocol):
    """Which notices the delivery system is known to have."""

    def is_delivered(self, order_id: UUID, kind: NoticeKind) -> bool:
        """Whether the delivery system has this notice."""

    def add(self, order_id: UUID, kind: NoticeKind, delivered_at: datetime) -> None:
        """Remember that it has. Once more changes nothing."""


class SqlNoticeRepository:
    """The notices of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def is_delivered(self, order_id: UUID, kind: NoticeKind) -> bool:
        return bool(self._uow.read(_FIND(order_id=order_id, kind=kind.value)))

    def add(self, order_id: UUID, kind: NoticeKind, delivered_at: datetime) -> None:
        self._uow.write(_ADD(order_id=order_id, kind=kind.value, delivered_at=delivered_at))
