"""What follows a payment's result, and an order's cancellation: consumers of events.

The claim of the event and its effect are one transaction. Giving money back comes after it: killed
in between, the event comes again and finds the refund pending, or the reconciler does.
"""

import logging
from uuid import UUID

from commerce.app.checkout.refunds import refund_payment
from commerce.app.checkout.settlement import GATEWAY_SECONDS
from commerce.app.ordering import cancel_declined
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.order import OrderCancelled
from commerce.payment import (
    Deadline,
    PaymentFacade,
    PaymentFailed,
    PaymentSucceeded,
    RefundReason,
    Status,
)
from commerce.runtime.idempotency import claim_events
from commerce.shared.errors import CommerceError

CONSUMER_OF_RESULTS = "order payment-result"
CONSUMER_OF_CANCELLATIONS = "payment order-cancelled"

logger = logging.getLogger(__name__)


def confirm_paid(event_id: UUID, paid: PaymentSucceeded) -> None:
    """The order is confirmed; if it was called off meanwhile, the money goes back."""

    in_transaction(_confirm_paid, event_id, paid)
    _refund_pending(paid.order_id)


def cancel_unpaid(event_id: UUID, failed: PaymentFailed) -> None:
    """The card was declined: the order is called off, and what it took goes back."""
    if not failed.is_declined:
        return  # the gateway never decided: the order can still be paid
    in_transaction(_cancel_unpaid, event_id, failed)


def refund_cancelled(event_id: UUID, cancelled: OrderCancelled) -> None:
    """What a card paid for a cancelled order goes back."""
    if cancelled.card_refund.amount == 0:
        return
    in_transaction(_begin_refund, event_id, cancelled)
    _refund_pending(cancelled.order_id)


def _confirm_paid(shop: Shop, event_id: UUID, paid: PaymentSucceeded) -> None:
    if not claim_events(shop.uow, CONSUMER_OF_RESULTS, [event_id]):
        return
    order = shop.orders.mark_paid(paid.order_id, paid.amount)
    if order.status == "CANCELLED":
        shop.payments.begin_refund(paid.order_id, RefundReason.ORDER_CANCELLED_BEFORE)


def _cancel_unpaid(shop: Shop, event_id: UUID, failed: PaymentFailed) -> None:
    if claim_events(shop.uow, CONSUMER_OF_RESULTS, [event_id]):
        cancel_declined(shop, failed.order_id, failed.reason)


def _begin_refund(shop: Shop, event_id: UUID, cancelled: OrderCancelled) -> None:
    if claim_events(shop.uow, CONSUMER_OF_CANCELLATIONS, [event_id]):
        shop.payments.begin_refund(cancelled.order_id, RefundReason.ORDER_CANCELLED)


def _refund_pending(order_id: UUID) -> None:
    for payment in in_transaction(PaymentFacade.of_order, order_id):
        if payment.status is Status.REFUND_PENDING:
            try:
                refund_payment(payment, Deadline.within(GATEWAY_SECONDS))
            except CommerceError:
                logger.warning("payment %s is refunded later", payment.id, exc_info=True)
