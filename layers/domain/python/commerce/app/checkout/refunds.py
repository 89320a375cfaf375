"""Refunds: begun and committed first, then requested, then recorded as completed."""

import logging

from commerce.app.alerts import alert_once
from commerce.app.checkout.gateway import payment_gateway
from commerce.app.transactions import in_transaction
from commerce.payment import (
    Payment,
    PaymentFacade,
    Refunded,
    charge_without_payable_order,
)
from commerce.runtime.deadline import Deadline

logger = logging.getLogger(__name__)


def refund_payment(payment: Payment, deadline: Deadline) -> Payment:
    """Request the payment's pending refund, which the gateway makes once per transaction.

    If the gateway does not confirm it, the refund stays pending, and the reconciler asks again.
    """
    if payment.transaction_key is None:
        raise ValueError(f"nothing was charged by payment {payment.id}")
    outcome = payment_gateway().refund(payment.transaction_key, payment.amount.amount, deadline)
    if not isinstance(outcome, Refunded):
        logger.warning("payment %s is not refunded yet: %s", payment.id, outcome)
        return payment
    alert = charge_without_payable_order(payment)
    if alert is not None:
        alert_once(alert)
    return in_transaction(PaymentFacade.mark_refunded, payment.id)
