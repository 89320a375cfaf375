"""Shipments and the notices that were told, in PostgreSQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shipping.model import NoticeKind, Shipment

if TYPE_CHECKING:
    from commerce.shipping import statements as sql
else:
    sql = precompiled("commerce.shipping.statements")


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
            sql.OPEN(order_id=order_id), sql.LOCK(order_id=order_id), sql.TOLD(order_id=order_id)
        )
        kinds = {NoticeKind(row.kind) for row in told}
        return Shipment(order_id, kept.begun_at, kept.called_off_at, kinds)

    def save(self, shipment: Shipment) -> None:
        self._uow.write(
            sql.SAVE(
                order_id=shipment.order_id,
                begun=shipment.begun_at,
                called_off=shipment.called_off_at,
            )
        )

    def add_notice(self, order_id: UUID, kind: NoticeKind, delivered_at: datetime) -> None:
        self._uow.write(
            sql.ADD_NOTICE(order_id=order_id, kind=kind.value, delivered_at=delivered_at)
        )

    def notices_of(self, order_id: UUID) -> list[tuple[NoticeKind, datetime]]:
        found = self._uow.read(sql.NOTICES(order_id=order_id))
        return [(NoticeKind(row.kind), row.delivered_at) for row in found]
