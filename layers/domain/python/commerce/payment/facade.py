"""The only door to the payment context."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from commerce.payment.commands import Pay
from commerce.payment.errors import NotYourPayment, PaymentNotFound, PaymentUnderWay
from commerce.payment.model import Payment, RefundReason, Result
from commerce.payment.repository import PaymentRepository
from commerce.payment.views import PaymentView, payment_view
from commerce.shared import clock, cursor
from commerce.shared.money import Money


class PaymentFacade:
    """Payments are requested, settled by the gateway's truth, and given back.

    Nothing here asks the gateway: each call is a decision within one transaction, and whoever asks
    comes before or after it. What changes a payment locks it; so of several who bring a result the
    first wins, and the others change nothing.
    """

    def __init__(self, payments: PaymentRepository) -> None:
        self._payments = payments

    def request(self, command: Pay, *, order_id: UUID, buyer_id: UUID, amount: Money) -> Payment:
        """Begin a payment of an order that the caller holds locked.

        Raises PaymentUnderWay where the order has a live one, or was declined.
        """
        if any(each.is_live or each.is_declined for each in self._payments.of_order(order_id)):
            raise PaymentUnderWay
        payment = Payment.requested(
            id_=clock.new_id(),
            order_id=order_id,
            buyer_id=buyer_id,
            amount=amount,
            card_type=command.card_type,
            card_last4=command.card.last4,
            at=clock.now(),
        )
        self._payments.add(payment)
        return payment

    def adopt(self, order_id: UUID, transaction_key: str, *, is_wanted: bool) -> Payment | None:
        """The payment of a transaction that the gateway has of an order, which is locked.

        It is the one with this key, else the one that waits for its key, else a new one: for the
        order, if that `is_wanted` and nothing else pays it, and otherwise an extra. None where the
        order never had a payment.
        """
        payments = self._payments.lock_of_order(order_id)
        for payment in payments:
            if payment.transaction_key == transaction_key:
                return payment
        for payment in payments:
            if payment.is_without_transaction:
                payment.take(transaction_key, at=clock.now())
                return self._keep(payment)
        if not payments:
            return None
        is_taken = any(each.is_live or each.is_declined for each in payments)
        another = payments[-1].another(
            id_=clock.new_id(),
            transaction_key=transaction_key,
            is_extra=is_taken or not is_wanted,
            at=clock.now(),
        )
        self._payments.add(another)
        return another

    def give_up(self, payment_id: UUID) -> Payment:
        """The gateway surely never took it. As it is where that is known better by now."""
        payment = self._lock(payment_id)
        return self._keep(payment) if payment.give_up(at=clock.now()) else payment

    def decline(self, payment_id: UUID, reason: str) -> Payment:
        """The gateway refused it. As it is where it was settled before."""
        payment = self._lock(payment_id)
        return self._keep(payment) if payment.decline(reason, at=clock.now()) else payment

    def settle(self, payment_id: UUID, result: Result) -> Payment:
        """Take over the gateway's result. As it is where it was settled before, or is not yet.

        Raises AmountDiffers.
        """
        payment = self._lock(payment_id)
        return self._keep(payment) if payment.settle(result, at=clock.now()) else payment

    def begin_refund(self, order_id: UUID, reason: RefundReason) -> Payment | None:
        """What the order's payment charged is to be given back; None where nothing was charged."""
        for payment in self._payments.lock_of_order(order_id):
            if not payment.is_extra and payment.begin_refund(reason, at=clock.now()):
                return self._keep(payment)
        return None

    def mark_refunded(self, payment_id: UUID) -> Payment:
        """The gateway has given it back, however often that is said."""
        payment = self._lock(payment_id)
        return self._keep(payment) if payment.mark_refunded(at=clock.now()) else payment

    def mark_asked(self, payment_id: UUID) -> None:
        """The gateway was asked and had no result: others are asked for first."""
        self._payments.mark_asked(payment_id, clock.now())

    def find(self, payment_id: str | UUID) -> Payment:
        """A payment, anybody's. Raises PaymentNotFound."""
        id_ = cursor.parse_id(str(payment_id))
        payment = self._payments.find(id_) if id_ else None
        if payment is None:
            raise PaymentNotFound
        return payment

    def find_by_key(self, transaction_key: str) -> Payment | None:
        """The payment of a transaction."""
        return self._payments.find_by_key(transaction_key)

    def get(self, payment_id: str, *, buyer_id: UUID) -> PaymentView:
        """One of the buyer's payments. Raises PaymentNotFound, NotYourPayment."""
        payment = self.find(payment_id)
        if payment.buyer_id != buyer_id:
            raise NotYourPayment
        return payment_view(payment)

    def of_order(self, order_id: UUID) -> list[Payment]:
        """An order's payments, oldest first."""
        return self._payments.of_order(order_id)

    def unfinished(self, older_than: timedelta, limit: int) -> Sequence[Payment]:
        """Payments without an end, last asked about longer ago than that, oldest first."""
        return self._payments.unfinished(clock.now() - older_than, limit)

    def count_unfinished(self, older_than: timedelta) -> int:
        """How many payments have waited for their end for longer than that."""
        return self._payments.count_unfinished(clock.now() - older_than)

    def _lock(self, payment_id: UUID) -> Payment:
        payment = self._payments.lock(payment_id)
        if payment is None:
            raise PaymentNotFound
        return payment

    def _keep(self, payment: Payment) -> Payment:
        self._payments.save(payment)
        return payment
