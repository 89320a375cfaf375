"""Refunds: begun and committed first, then requested, then recorded as completed."""

import logging

from commerce.app.alerts import alert_once
from commerce.app.checkout.gateway import payment_gateway
from commerce.app.transactions import in_transaction
from commerce.payment import (
    Payment,
    PaymentFacade,
    Refund,
    Refunded,
    charge_without_payable_order,
)
from commerce.runtime.deadline import Deadline

logger = logging.getLogger(__name__)


def refund_payment(payment: Payment, deadline: Deadline) -> Payment:
    """Request the payment's pending refunds, each of which the gateway makes once.

    One that the gateway does not confirm stays pending, and the reconciler asks again.
    """
    for refund in in_transaction(PaymentFacade.refunds_to_make, payment.id):
        payment = _make(payment, refund, deadline)
    return payment


def _make(payment: Payment, refund: Refund, deadline: Deadline) -> Payment:
    if payment.transaction_key is None:
        raise ValueError(f"nothing was charged by payment {payment.id}")
    outcome = payment_gateway().refund(
        payment.transaction_key, str(refund.id), refund.amount.amount, deadline
    )
    if not isinstance(outcome, Refunded):
        logger.warning("refund %s of payment %s: %s", refund.id, payment.id, outcome)
        return payment
    alert = charge_without_payable_order(payment)
    if alert is not None:
        alert_once(alert)
    return in_transaction(PaymentFacade.mark_refunded, refund)
