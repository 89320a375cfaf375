"""A payment's result: told by a callback or asked for, it is always the gateway's own record.

Callback, reconciler and an admin's sync may race: what each of them learned is applied under the
payment's lock, and the first wins.
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
    Deadline,
    OrderTransaction,
    Payment,
    PaymentFacade,
    PaymentNotFound,
    PaymentView,
    Result,
    Status,
    Transaction,
    TransactionStatus,
    amount_differs,
    payment_view,
)
from commerce.runtime import settings
from commerce.shared import clock, cursor
from commerce.shared.money import Money

GATEWAY_SECONDS = 8.0  # SPEC §5
_CHARGED = {
    TransactionStatus.PENDING: None,
    TransactionStatus.SUCCESS: True,
    TransactionStatus.FAILED: False,
}

logger = logging.getLogger(__name__)


def sync(payment_id: str) -> PaymentView:
    """Ask the gateway about a payment, and settle or refund it by its answer.

    Raises PaymentNotFound, AmountDiffers, and what the gateway's client raises.
    """
    payment = in_transaction(PaymentFacade.find, payment_id)
    return payment_view(advance(payment, Deadline.within(GATEWAY_SECONDS)))


def handle_callback(callback: Callback) -> None:
    """The gateway says that a transaction has its result; so its record is asked for.

    However often it is said, and before our own request returned as well. Raises PaymentNotFound
    (neither we nor the gateway know it) and AmountDiffers (operators hear of it).
    """
    deadline = Deadline.within(GATEWAY_SECONDS)
    payment = in_transaction(PaymentFacade.find_by_key, callback.transaction_key)
    record = None
    if payment is None:
        record = payment_gateway().find(callback.transaction_key, deadline)
        payment = _owner(record) if record else None
        if payment is None:
            raise PaymentNotFound
    _require_amount(payment, callback.amount)
    if payment.is_unsettled:
        advance(payment, deadline, record)


def advance(payment: Payment, deadline: Deadline, record: Transaction | None = None) -> Payment:
    """Bring a payment as far as the gateway's truth allows; nothing where it is at its end.

    Raises AmountDiffers, and what the gateway's client raises.
    """
    if payment.is_without_transaction:
        payment = find_unmatched(payment, deadline)
    if payment.is_unsettled and payment.transaction_key is not None:
        record = record or payment_gateway().find(payment.transaction_key, deadline)
        payment = _settle(payment, record)
    if payment.status is Status.REFUND_PENDING:
        payment = refund_payment(payment, deadline)
    return payment


def find_unmatched(payment: Payment, deadline: Deadline) -> Payment:
    """A payment whose request has no answer: the gateway is asked what it has of the order.

    Of several transactions (one may come late, from a request that we had given up) each gets an
    owner, so that no charge is without one. Where there is none, and none can come any more, the
    payment is given up, and the order can be paid again.
    """
    listed = payment_gateway().find_by_order(payment.order_id, payment.buyer_id, deadline)
    known = in_transaction(PaymentFacade.of_order, payment.order_id)
    owned = {each.transaction_key for each in known}
    new = [each for each in listed if each.transaction_key not in owned]
    for transaction in sorted(new, key=_likeliest_first):
        adopt(payment.order_id, transaction.transaction_key)
    if not new and clock.now() - payment.requested_at > _grace():
        return in_transaction(PaymentFacade.give_up, payment.id)
    return in_transaction(PaymentFacade.find, payment.id)


def _settle(payment: Payment, record: Transaction | None) -> Payment:
    if record is None:
        logger.error("the gateway does not know transaction %s any more", payment.transaction_key)
        return payment
    amount = Money(record.amount, payment.amount.currency)
    result = Result(amount, _CHARGED[record.status], record.reason or "")
    try:
        return in_transaction(PaymentFacade.settle, payment.id, result)
    except AmountDiffers:
        alert_once(amount_differs(payment, record.amount))
        raise


def _owner(record: Transaction) -> Payment | None:
    order_id = cursor.parse_id(record.order_id)
    return adopt(order_id, record.transaction_key) if order_id else None


def _likeliest_first(transaction: OrderTransaction) -> bool:
    """What charges a card pays the order; what failed comes last."""
    return transaction.status is TransactionStatus.FAILED


def adopt(order_id: UUID, transaction_key: str) -> Payment | None:
    """The payment that owns a transaction of the order; None where there never was a payment."""
    return in_transaction(_adopt, order_id, transaction_key)


def _adopt(shop: Shop, order_id: UUID, transaction_key: str) -> Payment | None:
    is_wanted = shop.orders.awaits_payment(order_id)
    return shop.payments.adopt(order_id, transaction_key, is_wanted=is_wanted)


def _require_amount(payment: Payment, amount: int) -> None:
    try:
        payment.require_amount(Money(amount, payment.amount.currency))
    except AmountDiffers:
        alert_once(amount_differs(payment, amount))
        raise


def _grace() -> timedelta:
    """How long after we stopped waiting the gateway may still take a request.

    Its front cuts what runs for longer than a minute; twice that is asked for.
    """
    return timedelta(seconds=settings.number("GATEWAY_GRACE_SECONDS", 120))
