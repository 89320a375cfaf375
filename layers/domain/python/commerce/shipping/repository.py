"""Shipments and the notices that were sent, in PostgreSQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared.events import plain
from commerce.shared.postal import PostalAddress
from commerce.shipping.model import NoticeKind, NoticeLine, Shipment, ShipmentNotice, ToDeliver

if TYPE_CHECKING:
    from commerce.shipping import statements as sql
else:
    sql = precompiled("commerce.shipping.statements")


class ShipmentRepository(Protocol):
    """Stores shipments and the notices that the delivery system is known to have."""

    def lock_or_open(self, order_id: UUID) -> Shipment:
        """Return the order's shipment, created if there was none, locked FOR UPDATE."""

    def save(self, shipment: Shipment) -> None:
        """Store what a locked shipment has become; the notices sent are stored one by one."""

    def add_notice(self, order_id: UUID, kind: NoticeKind, delivered_at: datetime) -> None:
        """Record that the delivery system has a notice; only an UPDATE has a new time then."""

    def notices_of(self, order_id: UUID) -> list[tuple[NoticeKind, datetime]]:
        """Return the order's notices that were sent, each with its time, oldest first."""


class SqlShipmentRepository:
    """A ShipmentRepository on a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def lock_or_open(self, order_id: UUID) -> Shipment:
        _, [row], notices = self._uow.lock_together(
            sql.OPEN(order_id=order_id), sql.LOCK(order_id=order_id), sql.NOTICES(order_id=order_id)
        )
        sent = {NoticeKind(each.kind) for each in notices}
        return Shipment(
            order_id,
            row.begun_at,
            row.called_off_at,
            sent,
            row.sent_version,
            _notice(order_id, row.under_way) if row.under_way else None,
        )

    def save(self, shipment: Shipment) -> None:
        self._uow.write(
            sql.SAVE(
                order_id=shipment.order_id,
                begun=shipment.begun_at,
                called_off=shipment.cancelled_at,
                sent=shipment.sent_version,
                notice=_plain(shipment.under_way) if shipment.under_way else None,
            )
        )

    def add_notice(self, order_id: UUID, kind: NoticeKind, delivered_at: datetime) -> None:
        self._uow.write(
            sql.ADD_NOTICE(order_id=order_id, kind=kind.value, delivered_at=delivered_at)
        )

    def notices_of(self, order_id: UUID) -> list[tuple[NoticeKind, datetime]]:
        found = self._uow.read(sql.NOTICES(order_id=order_id))
        return [(NoticeKind(row.kind), row.delivered_at) for row in found]


def _plain(notice: ShipmentNotice) -> dict[str, Any]:
    content = notice.content
    return {
        "kind": notice.kind.value,
        "version": content.version,
        "lines": plain(content.lines),
        "ship_to": content.ship_to.model_dump() if content.ship_to else None,
    }


def _notice(order_id: UUID, kept: dict[str, Any]) -> ShipmentNotice:
    lines = tuple(
        NoticeLine(UUID(each["product_id"]), each["product_name"], each["quantity"])
        for each in kept["lines"]
    )
    ship_to = PostalAddress.model_validate(kept["ship_to"]) if kept["ship_to"] else None
    content = ToDeliver(kept["version"], lines, ship_to)
    return ShipmentNotice(order_id, NoticeKind(kept["kind"]), content)
