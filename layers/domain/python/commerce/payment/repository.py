"""Payments in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from commerce.payment.errors import PaymentUnderWay
from commerce.payment.model import Payment, Refund, RefundReason, Status
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared.money import Money

if TYPE_CHECKING:
    from commerce.payment import statements as sql
else:
    sql = precompiled("commerce.payment.statements")


class PaymentRepository(Protocol):
    """Stores payments and their events."""

    def add(self, payment: Payment) -> None:
        """Store a new payment. Raises PaymentUnderWay, on commit at the latest."""

    def find(self, id_: UUID) -> Payment | None:
        """Return a payment."""

    def find_by_key(self, transaction_key: str) -> Payment | None:
        """Return the payment of a transaction."""

    def reads_of_subject(self, subject_id: UUID) -> Sequence[Query]:
        """Return what `of_subject` will read."""

    def of_subject(self, subject_id: UUID) -> list[Payment]:
        """Return the payments for an order or a charge, oldest first."""

    def lock(self, id_: UUID) -> Payment | None:
        """Return a payment, locked FOR UPDATE."""

    def locks_of_subject(self, subject_id: UUID) -> Sequence[Query]:
        """Return what `lock_of_subject` will lock."""

    def lock_of_subject(self, subject_id: UUID) -> list[Payment]:
        """Return the same, locked FOR UPDATE."""

    def locks_of_buyer(self, buyer_id: UUID, since: datetime) -> Sequence[Query]:
        """Return what `lock_buyer` will lock and read."""

    def lock_buyer(self, buyer_id: UUID, since: datetime) -> list[Payment]:
        """Lock what the buyer may pay, and return their payments requested since then."""

    def save(self, payment: Payment) -> None:
        """Store a locked payment that has changed, with the refund that it began, if any."""

    def refunds_of(self, payment_id: UUID) -> list[Refund]:
        """Return the refunds of a payment in the order of their ids."""

    def mark_refunded(self, refund: Refund) -> None:
        """Store that the gateway has made a refund."""

    def unfinished(self, before: datetime, limit: int) -> list[Payment]:
        """Return payments without an end, last asked about before then, in that order."""

    def count_unfinished(self, before: datetime) -> int:
        """Count payments without an end that have not changed since then."""

    def mark_asked(self, payment_id: UUID, at: datetime) -> None:
        """Store when the gateway was asked about a payment that is not ended."""

    def newest_of(self, buyer_id: UUID, before: UUID, limit: int) -> list[Payment]:
        """Return a buyer's payments below the id `before`, newest first."""

    def forget_cards(self, buyer_id: UUID) -> None:
        """Forget the last digits of the cards that a buyer paid with."""


class SqlPaymentRepository:
    """A PaymentRepository on a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, payment: Payment) -> None:
        self._uow.write(
            sql.ADD(
                id=payment.id,
                order_id=payment.order_id,
                charge_id=payment.charge_id,
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
                refund_requested_amount=payment.refund_requested.amount,
                refunded_amount=payment.refunded.amount,
            ),
            # Somebody else stored its transaction meanwhile: the repeated use case will find it.
            on_violation={
                "one_live_payment_per_order": PaymentUnderWay,
                "one_live_payment_per_charge": PaymentUnderWay,
                "transaction_once": lambda: None,
            },
        )
        self._uow.record(*payment.events)

    def find(self, id_: UUID) -> Payment | None:
        return _first(self._uow.read(sql.FIND(id=id_)))

    def find_by_key(self, transaction_key: str) -> Payment | None:
        return _first(self._uow.read(sql.FIND_BY_KEY(key=transaction_key)))

    def reads_of_subject(self, subject_id: UUID) -> Sequence[Query]:
        return [sql.OF_SUBJECT(subject_id=subject_id)]

    def of_subject(self, subject_id: UUID) -> list[Payment]:
        [query] = self.reads_of_subject(subject_id)
        return [_payment(row) for row in self._uow.read(query)]

    def lock(self, id_: UUID) -> Payment | None:
        return _first(self._uow.lock(sql.LOCK(id=id_)))

    def locks_of_subject(self, subject_id: UUID) -> Sequence[Query]:
        return [sql.LOCK_OF_SUBJECT(subject_id=subject_id)]

    def lock_of_subject(self, subject_id: UUID) -> list[Payment]:
        return [_payment(row) for row in self._uow.lock(*self.locks_of_subject(subject_id))]

    def locks_of_buyer(self, buyer_id: UUID, since: datetime) -> Sequence[Query]:
        return [
            sql.LOCK_BUYER(buyer=str(buyer_id)),
            sql.OF_BUYER(buyer_id=buyer_id, since=since),
        ]

    def lock_buyer(self, buyer_id: UUID, since: datetime) -> list[Payment]:
        return [_payment(row) for row in self._uow.lock(*self.locks_of_buyer(buyer_id, since))]

    def save(self, payment: Payment) -> None:
        self._uow.write(
            sql.SAVE(
                row_id=payment.id,
                version_read=payment.version_read,
                new_status=payment.status.value,
                new_transaction_key=payment.transaction_key,
                new_card_last4=payment.card_last4,
                new_failure_reason=payment.failure_reason,
                new_refund_reason=payment.refund_reason,
                new_changed_at=payment.changed_at,
                new_asked_at=payment.changed_at,
                new_version=payment.version,
                new_refund_requested_amount=payment.refund_requested.amount,
                new_refunded_amount=payment.refunded.amount,
            ),
            on_violation={"payment_as_read": lambda: None, "transaction_once": lambda: None},
        )
        if payment.new_refund is not None:
            self._uow.write(sql.ADD_REFUND(**_refund_row(payment.new_refund)))
        self._uow.record(*payment.events)

    def refunds_of(self, payment_id: UUID) -> list[Refund]:
        found = self._uow.read(sql.REFUNDS(payment_id=payment_id))
        return [
            Refund(
                id=row.id,
                payment_id=row.payment_id,
                amount=Money(row.amount),
                reason=RefundReason(row.reason),
                requested_at=row.requested_at,
                refunded_at=row.refunded_at,
            )
            for row in found
        ]

    def mark_refunded(self, refund: Refund) -> None:
        self._uow.write(sql.MARK_REFUNDED(refund_id=refund.id, at=refund.refunded_at))

    def unfinished(self, before: datetime, limit: int) -> list[Payment]:
        found = self._uow.read(sql.LIST_UNFINISHED(before=before, limit=limit))
        return [_payment(row) for row in found]

    def count_unfinished(self, before: datetime) -> int:
        return int(self._uow.read(sql.COUNT_UNFINISHED(before=before))[0].count)

    def mark_asked(self, payment_id: UUID, at: datetime) -> None:
        self._uow.write(sql.MARK_ASKED(payment_id=payment_id, at=at))

    def newest_of(self, buyer_id: UUID, before: UUID, limit: int) -> list[Payment]:
        found = self._uow.read(sql.NEWEST(buyer_id=buyer_id, before=before, limit=limit))
        return [_payment(row) for row in found]

    def forget_cards(self, buyer_id: UUID) -> None:
        self._uow.write(sql.FORGET_CARDS(buyer_id=buyer_id))


def _refund_row(refund: Refund) -> dict[str, object]:
    return {
        "id": refund.id,
        "payment_id": refund.payment_id,
        "amount": refund.amount.amount,
        "reason": refund.reason.value,
        "requested_at": refund.requested_at,
        "refunded_at": refund.refunded_at,
    }


def _first(rows: list[Row]) -> Payment | None:
    return _payment(rows[0]) if rows else None


def _payment(row: Row) -> Payment:
    return Payment(
        id=row.id,
        order_id=row.order_id,
        charge_id=row.charge_id,
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
        refund_requested=Money(row.refund_requested_amount, row.currency),
        refunded=Money(row.refunded_amount, row.currency),
        version=row.version,
        version_read=row.version,
    )
