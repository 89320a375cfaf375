"""The use cases of the payment context."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from commerce.payment.card import Card
from commerce.payment.errors import (
    DeclinedTooOften,
    NotYourPayment,
    PaymentNotFound,
    PaymentUnderWay,
)
from commerce.payment.limits import require_within_limits
from commerce.payment.model import Payment, Refund, RefundReason, Result, is_out_of_tries
from commerce.payment.repository import PaymentRepository
from commerce.payment.views import PaymentView, payment_view
from commerce.runtime.business_time import begin_of_day
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock, cursor
from commerce.shared.money import Money
from commerce.shared.pagination import newest_first
from commerce.shared.schemas import Page


class PaymentFacade:
    """Payments are requested, settled by the gateway's result, and refunded.

    Nothing here calls the gateway: each method is a decision within one transaction. A method that
    changes a payment locks it, so that of several results the first one wins.
    """

    def __init__(self, payments: PaymentRepository) -> None:
        self._payments = payments

    def locks_of_request(self, order_id: UUID, buyer_id: UUID) -> Sequence[Query]:
        """Return what `request` will read and lock, of an order that is locked before."""
        return [*self._payments.reads_of_subject(order_id), *self.locks_of_buyer(buyer_id)]

    def locks_of_buyer(self, buyer_id: UUID) -> Sequence[Query]:
        """Return what `request_for_charge` will lock and read."""
        return self._payments.locks_of_buyer(buyer_id, begin_of_day(clock.now()))

    def request(self, card: Card, *, order_id: UUID, buyer_id: UUID, amount: Money) -> Payment:
        """Begin to pay an order that the caller holds locked.

        Raises:
            PaymentUnderWay: the order has a live payment.
            DeclinedTooOften: MAX_DECLINES cards were declined, and the order is about to end.
            TooManyDeclines, TooManyCards: the buyer's, of this day.
        """
        earlier = self._payments.of_subject(order_id)
        if any(each.is_live for each in earlier):
            raise PaymentUnderWay
        if is_out_of_tries(earlier):
            raise DeclinedTooOften
        return self._request(card, buyer_id, amount, order_id=order_id)

    def request_for_charge(
        self, card: Card, *, charge_id: UUID, buyer_id: UUID, amount: Money
    ) -> Payment:
        """Begin to pay a new charge of points. Raises TooManyDeclines, TooManyCards."""
        return self._request(card, buyer_id, amount, charge_id=charge_id)

    def _request(self, card: Card, buyer_id: UUID, amount: Money, **subject: UUID) -> Payment:
        now = clock.now()
        today = self._payments.lock_buyer(buyer_id, begin_of_day(now))
        require_within_limits(today, card, at=now)
        payment = Payment.requested(
            id_=clock.new_id(),
            buyer_id=buyer_id,
            amount=amount,
            card_type=card.type.value,
            card_last4=card.last4,
            at=now,
            **subject,
        )
        self._payments.add(payment)
        return payment

    def locks_of_subject(self, subject_id: UUID) -> Sequence[Query]:
        """Return what `adopt` will lock."""
        return self._payments.locks_of_subject(subject_id)

    def adopt(self, subject_id: UUID, transaction_key: str, *, is_wanted: bool) -> Payment | None:
        """Find or make the payment that owns a transaction of an order or charge, locked before.

        It is the one with this key, else the one that waits for its key, else a new one, which is
        an extra one unless the subject `is_wanted` to be paid, nothing else pays it, and it has
        tries left. None if the subject never had a payment.
        """
        payments = self._payments.lock_of_subject(subject_id)
        for payment in payments:
            if payment.transaction_key == transaction_key:
                return payment
        for payment in payments:
            if payment.is_without_transaction:
                payment.take(transaction_key, at=clock.now())
                return self._saved(payment)
        if not payments:
            return None
        is_taken = any(each.is_live for each in payments) or is_out_of_tries(payments)
        another = payments[-1].another(
            id_=clock.new_id(),
            transaction_key=transaction_key,
            is_extra=is_taken or not is_wanted,
            at=clock.now(),
        )
        self._payments.add(another)
        return another

    def give_up(self, payment_id: UUID) -> Payment:
        """End a payment that the gateway certainly never took; otherwise leave it as it is."""
        payment = self._lock(payment_id)
        return self._saved(payment) if payment.give_up(at=clock.now()) else payment

    def decline(self, payment_id: UUID, reason: str) -> Payment:
        """Record that the gateway refused it; a payment settled before stays as it is."""
        payment = self._lock(payment_id)
        return self._saved(payment) if payment.decline(reason, at=clock.now()) else payment

    def settle(self, payment_id: UUID, result: Result) -> Payment:
        """Apply the gateway's result; a payment settled before stays as it is.

        Raises AmountDiffers.
        """
        payment = self._lock(payment_id)
        return self._saved(payment) if payment.settle(result, at=clock.now()) else payment

    def begin_refund(
        self,
        subject_id: UUID,
        reason: RefundReason,
        *,
        refund_id: UUID | None = None,
        amount: Money | None = None,
    ) -> Payment | None:
        """Begin to refund an amount of what was charged for an order or a charge, or what is left.

        None if nothing was charged, or if nothing is left.
        """
        for payment in self._payments.lock_of_subject(subject_id):
            if not payment.is_extra and payment.begin_refund(
                reason, at=clock.now(), refund_id=refund_id, amount=amount
            ):
                return self._saved(payment)
        return None

    def refunds_to_make(self, payment_id: UUID) -> Sequence[Refund]:
        """Return the payment's refunds that the gateway is yet to make, in their order."""
        if begun_before := self.find(payment_id).refund_of_the_code_before():
            return [begun_before]
        refunds = self._payments.refunds_of(payment_id)
        return [each for each in refunds if each.refunded_at is None]

    def mark_refunded(self, refund: Refund) -> Payment:
        """Record a refund that the gateway has made. Repeating it changes nothing."""
        payment = self._lock(refund.payment_id)
        kept = {each.id: each for each in self._payments.refunds_of(payment.id)}
        refund = kept.get(refund.id, refund)
        if payment.mark_refunded(refund, at=clock.now()):
            self._payments.mark_refunded(refund)
            self._payments.save(payment)
        return payment

    def mark_asked(self, payment_id: UUID) -> None:
        """Record that the gateway was asked and had no result, so that others come first."""
        self._payments.mark_asked(payment_id, clock.now())

    def find(self, payment_id: str | UUID) -> Payment:
        """Return any payment. Raises PaymentNotFound."""
        id_ = cursor.parse_id(str(payment_id))
        payment = self._payments.find(id_) if id_ else None
        if payment is None:
            raise PaymentNotFound
        return payment

    def find_by_key(self, transaction_key: str) -> Payment | None:
        """Return the payment of a transaction."""
        return self._payments.find_by_key(transaction_key)

    def get(self, payment_id: str, *, buyer_id: UUID) -> PaymentView:
        """Return one of the buyer's payments. Raises PaymentNotFound, NotYourPayment."""
        payment = self.find(payment_id)
        if payment.buyer_id != buyer_id:
            raise NotYourPayment
        return payment_view(payment)

    def payments(self, buyer_id: UUID, *, limit: int, after: str | None) -> Page[PaymentView]:
        """Return a page of the buyer's payments, newest first. Raises InvalidCursor."""
        read = partial(self._payments.newest_of, buyer_id)
        return newest_first(f"payments:{buyer_id}", after, limit, read, payment_view)

    def erase_user(self, buyer_id: UUID) -> None:
        """Forget what is known of the buyer's cards; their payments stay."""
        self._payments.forget_cards(buyer_id)

    def reads_of_subject(self, subject_id: UUID) -> Sequence[Query]:
        """Return what `of_subject` will read."""
        return self._payments.reads_of_subject(subject_id)

    def of_subject(self, subject_id: UUID) -> list[Payment]:
        """Return the payments for an order or a charge, oldest first."""
        return self._payments.of_subject(subject_id)

    def is_out_of_tries(self, order_id: UUID) -> bool:
        """Return whether MAX_DECLINES cards were declined for an order, which the caller locked."""
        return is_out_of_tries(self._payments.of_subject(order_id))

    def unfinished(self, older_than: timedelta, limit: int) -> Sequence[Payment]:
        """Return payments that are not ended and were last asked about longer ago, in order."""
        return self._payments.unfinished(clock.now() - older_than, limit)

    def count_unfinished(self, older_than: timedelta) -> int:
        """Return the number of payments that have been unfinished for longer."""
        return self._payments.count_unfinished(clock.now() - older_than)

    def _lock(self, payment_id: UUID) -> Payment:
        payment = self._payments.lock(payment_id)
        if payment is None:
            raise PaymentNotFound
        return payment

    def _saved(self, payment: Payment) -> Payment:
        self._payments.save(payment)
        return payment
