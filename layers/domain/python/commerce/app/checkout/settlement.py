"""Settlement: a payment's result is always read from the gateway's own record.

Callbacks, the reconciler and an admin's sync may race: each applies what it read under the
payment's lock, and the first one wins.
"""

import logging
from datetime import timedelta
from uuid import UUID

from commerce.app.alerts import alert_once
from commerce.app.checkout.gateway import payment_gateway
from commerce.app.checkout.refunds import refund_payment
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.payment import (
    AmountDiffers,
    Callback,
    OrderTransaction,
    Payment,
    PaymentFacade,
    PaymentNotFound,
    PaymentView,
    Result,
    Transaction,
    TransactionStatus,
    amount_differs,
    gateway_deadline,
    staff_view,
)
from commerce.runtime import settings
from commerce.runtime.deadline import Deadline
from commerce.shared import clock, cursor
from commerce.shared.money import Money

_CHARGED = {
    TransactionStatus.PENDING: None,
    TransactionStatus.SUCCESS: True,
    TransactionStatus.FAILED: False,
}

logger = logging.getLogger(__name__)


def sync(payment_id: str) -> PaymentView:
    """Ask the gateway about a payment, and settle or refund it by its answer.

    Raises PaymentNotFound, AmountDiffers, PaymentGatewayUnavailable.
    """
    payment = in_transaction(PaymentFacade.find, payment_id)
    return staff_view(advance(payment, gateway_deadline()))


def handle_callback(callback: Callback) -> None:
    """Read the record of a transaction that has its result, and settle its payment.

    A callback may come repeatedly, and before our own request has returned. Raises PaymentNotFound
    (neither we nor the gateway know it), AmountDiffers, PaymentGatewayUnavailable.
    """
    deadline = gateway_deadline()
    payment = in_transaction(PaymentFacade.find_by_key, callback.transaction_key)
    record = None
    if payment is None:
        record = payment_gateway().find(callback.transaction_key, deadline)
        payment = _adopt_record(record) if record else None
        if payment is None:
            raise PaymentNotFound
    _require_amount(payment, callback.amount)
    if payment.is_unsettled:
        advance(payment, deadline, record)


def advance(payment: Payment, deadline: Deadline, record: Transaction | None = None) -> Payment:
    """Bring a payment as far as the gateway's records allow; an ended one stays as it is.

    `record` is that of its transaction, if it was read already. Raises PaymentGatewayUnavailable,
    and AmountDiffers, of which the operators are alerted.
    """
    if payment.is_without_transaction:
        payment = find_unmatched(payment, deadline)
    if payment.is_unsettled and payment.transaction_key is not None:
        record = record or payment_gateway().find(payment.transaction_key, deadline)
        payment = _settle(payment, record)
    if payment.is_refunding:
        payment = refund_payment(payment, deadline)
    return payment


def find_unmatched(payment: Payment, deadline: Deadline) -> Payment:
    """Find the transaction of a payment whose request was not answered.

    Each transaction of its subject (one may stem from a request that was given up) gets an owner,
    so that no charge is without one. If there is none, and none can follow, the payment is given
    up, and its order can be paid again.
    """
    listed = payment_gateway().find_by_order(payment.subject_id, payment.buyer_id, deadline)
    known = in_transaction(PaymentFacade.of_subject, payment.subject_id)
    owned = {each.transaction_key for each in known}
    new = [each for each in listed if each.transaction_key not in owned]
    for transaction in sorted(new, key=_is_failed):
        adopt(payment.subject_id, transaction.transaction_key)
    if not new and clock.now() - payment.requested_at > _grace():
        return in_transaction(PaymentFacade.give_up, payment.id)
    return in_transaction(PaymentFacade.find, payment.id)


def _settle(payment: Payment, record: Transaction | None) -> Payment:
    if record is None:
        logger.error("the gateway has no record of transaction %s", payment.transaction_key)
        return payment
    amount = Money(record.amount, payment.amount.currency)
    result = Result(amount, _CHARGED[record.status], record.reason or "", record.card_last4)
    try:
        return in_transaction(PaymentFacade.settle, payment.id, result)
    except AmountDiffers:
        alert_once(amount_differs(payment, record.amount))
        raise


def _adopt_record(record: Transaction) -> Payment | None:
    subject_id = cursor.parse_id(record.order_id)
    return adopt(subject_id, record.transaction_key) if subject_id else None


def _is_failed(transaction: OrderTransaction) -> bool:
    # As a sort key: a transaction that charges the card must pay the order, so it comes first.
    return transaction.status is TransactionStatus.FAILED


def adopt(subject_id: UUID, transaction_key: str) -> Payment | None:
    """Return the payment that owns a transaction of an order or charge; None if it has none."""
    return in_transaction(_adopt, subject_id, transaction_key)


def _adopt(shop: Shop, subject_id: UUID, transaction_key: str) -> Payment | None:
    shop.lock_ahead(
        *shop.orders.locks_of_order(subject_id),
        *shop.points.locks_of_charge(subject_id),
        *shop.payments.locks_of_subject(subject_id),
    )
    is_wanted = shop.orders.awaits_payment(subject_id) or shop.points.awaits_payment(subject_id)
    return shop.payments.adopt(subject_id, transaction_key, is_wanted=is_wanted)


def _require_amount(payment: Payment, amount: int) -> None:
    try:
        payment.require_amount(Money(amount, payment.amount.currency))
    except AmountDiffers:
        alert_once(amount_differs(payment, amount))
        raise


def _grace() -> timedelta:
    # For so long the gateway may still take a request that we stopped waiting for: twice the
    # minute after which its front end cuts a connection.
    return timedelta(seconds=settings.number("GATEWAY_GRACE_SECONDS", 120))
