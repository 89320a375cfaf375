"""Payments in memory: what a write changes, the next read sees."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from commerce.payment import Payment, PaymentUnderWay, Refund
from commerce.runtime.db.connection import Contention
from commerce.runtime.db.pipeline import Query
from commerce.shared.events import Event


class MemoryPaymentRepository:
    """The promises of commerce.payment.repository.PaymentRepository, without a database."""

    def __init__(self) -> None:
        self._payments: dict[UUID, Payment] = {}
        self._asked: dict[UUID, datetime] = {}
        self._refunds: dict[UUID, Refund] = {}
        self.events: list[Event] = []

    def add(self, payment: Payment) -> None:
        self._require_new_key(payment)
        others = [each for each in self._payments.values() if each.subject_id == payment.subject_id]
        if payment.is_live and any(each.is_live for each in others):
            raise PaymentUnderWay
        self._keep(payment)

    def find(self, id_: UUID) -> Payment | None:
        return deepcopy(self._payments.get(id_))

    def find_by_key(self, transaction_key: str) -> Payment | None:
        found = (p for p in self._payments.values() if p.transaction_key == transaction_key)
        return deepcopy(next(found, None))

    def reads_of_subject(self, subject_id: UUID) -> Sequence[Query]:
        return ()

    def of_subject(self, subject_id: UUID) -> list[Payment]:
        found = [each for each in self._payments.values() if each.subject_id == subject_id]
        return deepcopy(sorted(found, key=lambda each: each.id))

    def lock(self, id_: UUID) -> Payment | None:
        return self.find(id_)

    def locks_of_subject(self, subject_id: UUID) -> Sequence[Query]:
        return ()

    def lock_of_subject(self, subject_id: UUID) -> list[Payment]:
        return self.of_subject(subject_id)

    def locks_of_buyer(self, buyer_id: UUID, since: datetime) -> Sequence[Query]:
        return ()

    def lock_buyer(self, buyer_id: UUID, since: datetime) -> list[Payment]:
        found = [
            each
            for each in self._payments.values()
            if each.buyer_id == buyer_id and each.requested_at >= since
        ]
        return deepcopy(sorted(found, key=lambda each: each.id))

    def save(self, payment: Payment) -> None:
        if self._payments[payment.id].version != payment.version_read:
            raise Contention("payment_as_read")
        self._require_new_key(payment)
        self._keep(payment)

    def unfinished(self, before: datetime, limit: int) -> list[Payment]:
        found = [
            each
            for each in self._payments.values()
            if not each.is_ended and self._asked[each.id] <= before
        ]
        return deepcopy(sorted(found, key=lambda each: (self._asked[each.id], each.id))[:limit])

    def count_unfinished(self, before: datetime) -> int:
        payments = self._payments.values()
        return sum(not each.is_ended and each.changed_at <= before for each in payments)

    def mark_asked(self, payment_id: UUID, at: datetime) -> None:
        if not self._payments[payment_id].is_ended:
            self._asked[payment_id] = at

    def refunds_of(self, payment_id: UUID) -> list[Refund]:
        found = [each for each in self._refunds.values() if each.payment_id == payment_id]
        return deepcopy(sorted(found, key=lambda each: each.id))

    def mark_refunded(self, refund: Refund) -> None:
        self._refunds[refund.id].refunded_at = refund.refunded_at

    def newest_of(self, buyer_id: UUID, before: UUID, limit: int) -> list[Payment]:
        mine = [each for each in self._payments.values() if each.buyer_id == buyer_id]
        older = [each for each in mine if each.id < before]
        return deepcopy(sorted(older, key=lambda each: each.id, reverse=True)[:limit])

    def forget_cards(self, buyer_id: UUID) -> None:
        for each in self._payments.values():
            if each.buyer_id == buyer_id:
                each.card_last4 = None

    def _require_new_key(self, payment: Payment) -> None:
        owner = self.find_by_key(payment.transaction_key) if payment.transaction_key else None
        if owner is not None and owner.id != payment.id:
            raise Contention("transaction_once")

    def _keep(self, payment: Payment) -> None:
        kept = replace(deepcopy(payment), events=[], new_refund=None, version_read=payment.version)
        if payment.new_refund is not None:
            self._refunds[payment.new_refund.id] = deepcopy(payment.new_refund)
        self._payments[payment.id] = kept
        self._asked[payment.id] = payment.changed_at
        self.events += payment.events
        payment.events.clear()
