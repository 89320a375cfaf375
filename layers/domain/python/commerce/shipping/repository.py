"""Shipments and the notices that were told, in PostgreSQL."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from commerce.shared.database import Statement
from commerce.shared.unit_of_work import UnitOfWork
from commerce.shipping.model import NoticeKind, Shipment
from commerce.shipping.tables import shipment_notice_table, shipment_table

_s, _n = shipment_table.c, shipment_notice_table.c
_ORDER_ID = bindparam("order_id", type_=Uuid)
_OPEN = Statement(insert(shipment_table).values(order_id=_ORDER_ID).on_conflict_do_nothing())
_LOCK = Statement(
    select(_s.begun_at, _s.called_off_at).where(_s.order_id == _ORDER_ID).with_for_update()
)
_TOLD = Statement(select(_n.kind).where(_n.order_id == _ORDER_ID))
_NOTICES = Statement(
    select(_n.kind, _n.delivered_at).where(_n.order_id == _ORDER_ID).order_by(_n.delivered_at)
)
_SAVE = Statement(
    update(shipment_table)
    .where(_s.order_id == _ORDER_ID)
    .values(
        begun_at=bindparam("begun", type_=DateTime(timezone=True)),
        called_off_at=bindparam("called_off", type_=DateTime(timezone=True)),
    )
)
_ADD_NOTICE = Statement(
    insert(shipment_notice_table)
    .values({each.name: bindparam(each.name) for each in shipment_notice_table.columns})
    .on_conflict_do_nothing()
)


class ShipmentRepository(Protocol):
    """What is meant to be told of each order, and what the delivery system is known to have."""

    def lock_or_open(self, order_id: UUID) -> Shipment:
        """The order's shipment, opened if there was none, locked until the transaction ends."""

    def save(self, shipment: Shipment) -> None:
        """Keep when a locked shipment began, and when it was called off."""

    def add_notice(self, order_id: UUID, kind: NoticeKind, delivered_at: datetime) -> None:
        """Remember that the delivery system has it. Once more changes nothing."""

    def notices_of(self, order_id: UUID) -> list[tuple[NoticeKind, datetime]]:
        """What it has of an order, and since when, oldest first."""


class SqlShipmentRepository:
    """The shipments of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def lock_or_open(self, order_id: UUID) -> Shipment:
        _, [kept], told = self._uow.lock_together(
            _OPEN(order_id=order_id), _LOCK(order_id=order_id), _TOLD(order_id=order_id)
        )
        kinds = {NoticeKind(row.kind) for row in told}
        return Shipment(order_id, kept.begun_at, kept.called_off_at, kinds)

    def save(self, shipment: Shipment) -> None:
        self._uow.write(
            _SAVE(
                order_id=shipment.order_id,
                begun=shipment.begun_at,
                called_off=shipment.called_off_at,
            )
        )

    def add_notice(self, order_id: UUID, kind: NoticeKind, delivered_at: datetime) -> None:
        self._uow.write(_ADD_NOTICE(order_id=order_id, kind=kind.value, delivered_at=delivered_at))

    def notices_of(self, order_id: UUID) -> list[tuple[NoticeKind, datetime]]:
        found = self._uow.read(_NOTICES(order_id=order_id))
        return [(NoticeKind(row.kind), row.delivered_at) for row in found]
