"""Payments in PostgreSQL."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Select,
    Text,
    Uuid,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)

from commerce.payment.errors import PaymentUnderWay
from commerce.payment.model import Payment, RefundReason, Status
from commerce.payment.tables import payment_table
from commerce.shared.database import Row, Statement
from commerce.shared.money import Money
from commerce.shared.unit_of_work import UnitOfWork

_p = payment_table.c
_TIME = DateTime(timezone=True)
_ID = bindparam("id", type_=Uuid)
_ORDER_ID = bindparam("order_id", type_=Uuid)
_UNFINISHED = text("status IN ('REQUESTED', 'PENDING', 'REFUND_PENDING')")  # as the index says it

_ADD = Statement(
    insert(payment_table).values(
        {each.name: bindparam(each.name) for each in payment_table.columns}
    )
)
_FIND = Statement(select(payment_table).where(_p.id == _ID))
_FIND_BY_KEY = Statement(
    select(payment_table).where(_p.transaction_key == bindparam("key", type_=Text))
)
_OF_ORDER = Statement(select(payment_table).where(_p.order_id == _ORDER_ID).order_by(_p.id))
_LOCK = Statement(select(payment_table).where(_p.id == _ID).with_for_update())
_LOCK_OF_ORDER = Statement(
    select(payment_table).where(_p.order_id == _ORDER_ID).order_by(_p.id).with_for_update()
)
_LIST_UNFINISHED = Statement(
    select(payment_table)
    .where(_UNFINISHED, _p.asked_at <= bindparam("before", type_=_TIME))
    .order_by(_p.asked_at, _p.id)
    .limit(bindparam("limit", type_=BigInteger))
)
_COUNT_UNFINISHED = Statement(
    select(func.count().label("count"))
    .select_from(payment_table)
    .where(_UNFINISHED, _p.changed_at <= bindparam("before", type_=_TIME))
)
_MARK_ASKED = Statement(
    update(payment_table)
    .where(_p.id == bindparam("payment_id", type_=Uuid), _UNFINISHED)
    .values(asked_at=bindparam("at", type_=_TIME))
)


def _save() -> Select[Any]:
    """Keep what became of the payment that was read; where it is another by now, do it again."""
    saved = (
        update(payment_table)
        .where(
            _p.id == bindparam("payment_id", type_=Uuid),
            _p.version == bindparam("version_read", type_=BigInteger),
        )
        .values(
            status=bindparam("new_status", type_=Text),
            transaction_key=bindparam("new_key", type_=Text),
            failure_reason=bindparam("new_failure", type_=Text),
            refund_reason=bindparam("new_refund", type_=Text),
            changed_at=bindparam("changed", type_=_TIME),
            asked_at=bindparam("changed", type_=_TIME),
            version=bindparam("new_version", type_=BigInteger),
        )
        .returning(_p.id)
        .cte("saved")
    )
    return select(func.require(func.count() == 1, "payment_as_read")).select_from(saved)


_SAVE = Statement(_save)


class PaymentRepository(Protocol):
    """Where payments are kept."""

    def add(self, payment: Payment) -> None:
        """Keep a new payment, and tell its events. Refused: PaymentUnderWay."""

    def find(self, id_: UUID) -> Payment | None:
        """A payment."""

    def find_by_key(self, transaction_key: str) -> Payment | None:
        """The payment of a transaction."""

    def of_order(self, order_id: UUID) -> list[Payment]:
        """An order's payments, oldest first."""

    def lock(self, id_: UUID) -> Payment | None:
        """A payment, locked until the transaction ends."""

    def lock_of_order(self, order_id: UUID) -> list[Payment]:
        """An order's payments, oldest first, locked until the transaction ends."""

    def save(self, payment: Payment) -> None:
        """Keep what became of a locked payment, and tell its events."""

    def unfinished(self, before: datetime, limit: int) -> list[Payment]:
        """Payments that wait for a result or a refund, last asked about before then, in order."""

    def count_unfinished(self, before: datetime) -> int:
        """How many of them are as they are since before then."""

    def mark_asked(self, payment_id: UUID, at: datetime) -> None:
        """The gateway was asked about it, and it stays as it is."""


class SqlPaymentRepository:
    """The payments of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, payment: Payment) -> None:
        self._uow.write(
            _ADD(
                id=payment.id,
                order_id=payment.order_id,
                buyer_id=payment.buyer_id,
                status=payment.status.value,
                amount=payment.amount.amount,
                currency=payment.amount.currency,
                card_type=payment.card_type,
                card_last4=payment.card_last4,
                transaction_key=payment.transaction_key,
                is_extra=payment.is_extra,
                failure_reason=payment.failure_reason,
                refund_reason=payment.refund_reason,
                requested_at=payment.requested_at,
                changed_at=payment.changed_at,
                asked_at=payment.requested_at,
                version=payment.version,
            ),
            # Its transaction was kept by somebody else meanwhile: looked at again, it is found.
            refusals={
                "one_live_payment_per_order": PaymentUnderWay,
                "transaction_once": lambda: None,
            },
        )
        self._tell(payment)

    def find(self, id_: UUID) -> Payment | None:
        return _first(self._uow.read(_FIND(id=id_)))

    def find_by_key(self, transaction_key: str) -> Payment | None:
        return _first(self._uow.read(_FIND_BY_KEY(key=transaction_key)))

    def of_order(self, order_id: UUID) -> list[Payment]:
        return [_payment(row) for row in self._uow.read(_OF_ORDER(order_id=order_id))]

    def lock(self, id_: UUID) -> Payment | None:
        return _first(self._uow.lock(_LOCK(id=id_)))

    def lock_of_order(self, order_id: UUID) -> list[Payment]:
        return [_payment(row) for row in self._uow.lock(_LOCK_OF_ORDER(order_id=order_id))]

    def save(self, payment: Payment) -> None:
        self._uow.write(
            _SAVE(
                payment_id=payment.id,
                version_read=payment.version_read,
                new_status=payment.status.value,
                new_key=payment.transaction_key,
                new_failure=payment.failure_reason,
                new_refund=payment.refund_reason,
                changed=payment.changed_at,
                new_version=payment.version,
            ),
            refusals={"payment_as_read": lambda: None, "transaction_once": lambda: None},
        )
        self._tell(payment)

    def unfinished(self, before: datetime, limit: int) -> list[Payment]:
        found = self._uow.read(_LIST_UNFINISHED(before=before, limit=limit))
        return [_payment(row) for row in found]

    def count_unfinished(self, before: datetime) -> int:
        return int(self._uow.read(_COUNT_UNFINISHED(before=before))[0].count)

    def mark_asked(self, payment_id: UUID, at: datetime) -> None:
        self._uow.write(_MARK_ASKED(payment_id=payment_id, at=at))

    def _tell(self, payment: Payment) -> None:
        for event in payment.events:
            self._uow.record(event)
        payment.events.clear()


def _first(rows: list[Row]) -> Payment | None:
    return _payment(rows[0]) if rows else None


def _payment(row: Row) -> Payment:
    return Payment(
        id=row.id,
        order_id=row.order_id,
        buyer_id=row.buyer_id,
        amount=Money(row.amount, row.currency),
        card_type=row.card_type,
        card_last4=row.card_last4,
        status=Status(row.status),
        requested_at=row.requested_at,
        changed_at=row.changed_at,
        transaction_key=row.transaction_key,
        is_extra=row.is_extra,
        failure_reason=row.failure_reason,
        refund_reason=RefundReason(row.refund_reason) if row.refund_reason else None,
        version=row.version,
        version_read=row.version,
    )
