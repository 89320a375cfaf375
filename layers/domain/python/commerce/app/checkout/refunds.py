"""What was charged goes back: meant and committed first, then asked for, then written down."""

import logging

from commerce.app.alerts import alert_once
from commerce.app.checkout.gateway import payment_gateway
from commerce.app.transactions import in_transaction
from commerce.payment import Deadline, Payment, PaymentFacade, Refunded, charged_in_vain

logger = logging.getLogger(__name__)


def refund_payment(payment: Payment, deadline: Deadline) -> Payment:
    """Ask the gateway for the refund that is pending; the same again is harmless over there.

    Where it does not answer, the payment stays as it is, and the reconciler asks again.
    """
    if payment.transaction_key is None:
        raise ValueError(f"nothing was charged by payment {payment.id}")
    outcome = payment_gateway().refund(payment.transaction_key, payment.amount.amount, deadline)
    if not isinstance(outcome, Refunded):
        logger.warning("payment %s is not refunded yet: %s", payment.id, outcome)
        return payment
    alert = charged_in_vain(payment)
    if alert is not None:
        alert_once(alert)
    return in_transaction(PaymentFacade.mark_refunded, payment.id)
