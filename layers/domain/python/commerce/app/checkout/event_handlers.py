"""Consumers of payment results and of order cancellations.

The claim of an event and its effect are one transaction. The gateway is asked for a refund after
it: if the process dies in between, the redelivered event or the reconciler completes the refund.
"""

import logging
from uuid import UUID

from commerce.app.checkout.refunds import refund_payment
from commerce.app.ordering import cancel_declined_order
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.order import OrderCancelled
from commerce.payment import (
    PaymentFacade,
    PaymentFailed,
    PaymentSucceeded,
    RefundReason,
    Status,
    gateway_deadline,
)
from commerce.runtime.idempotency import claim_events
from commerce.shared.errors import CommerceError
from commerce.shared.events import Received

CONSUMER_OF_RESULTS = "order payment-result"
CONSUMER_OF_CANCELLATIONS = "payment order-cancelled"

logger = logging.getLogger(__name__)


def confirm_paid(received: Received[PaymentSucceeded]) -> None:
    """Confirm the order; if it was cancelled before, refund the payment."""
    in_transaction(_confirm_paid, received)
    _refund_pending(received.event.order_id)


def cancel_declined(received: Received[PaymentFailed]) -> None:
    """Cancel an order whose last try to pay was declined; before that it stays payable."""
    if received.event.is_declined:  # else the gateway never decided, and it was no try
        in_transaction(_cancel_declined, received)


def refund_cancelled(received: Received[OrderCancelled]) -> None:
    """Refund what a card paid for a cancelled order."""
    if received.event.card_refund.amount > 0:
        in_transaction(_begin_refund, received)
        _refund_pending(received.event.order_id)


def _confirm_paid(shop: Shop, received: Received[PaymentSucceeded]) -> None:
    if not claim_events(shop.uow, CONSUMER_OF_RESULTS, [received.id]):
        return
    paid = received.event
    order = shop.orders.mark_paid(paid.order_id, paid.amount)
    if order.status == "CONFIRMED" and order.drop_entry_id is not None:
        shop.drops.buy(paid.order_id)
    if order.status == "CANCELLED":
        shop.payments.begin_refund(paid.order_id, RefundReason.ORDER_CANCELLED_BEFORE)


def _cancel_declined(shop: Shop, received: Received[PaymentFailed]) -> None:
    failed = received.event
    if not claim_events(shop.uow, CONSUMER_OF_RESULTS, [received.id]):
        return
    if shop.orders.awaits_payment(failed.order_id) and shop.payments.is_out_of_tries(
        failed.order_id
    ):
        cancel_declined_order(shop, failed.order_id, failed.reason)


def _begin_refund(shop: Shop, received: Received[OrderCancelled]) -> None:
    if claim_events(shop.uow, CONSUMER_OF_CANCELLATIONS, [received.id]):
        shop.payments.begin_refund(received.event.order_id, RefundReason.ORDER_CANCELLED)


def _refund_pending(order_id: UUID) -> None:
    for payment in in_transaction(PaymentFacade.of_order, order_id):
        if payment.status is Status.REFUND_PENDING:
            try:
                refund_payment(payment, gateway_deadline())
            except CommerceError:
                logger.warning("payment %s will be refunded later", payment.id, exc_info=True)
