"""What follows a payment's result, and an order's cancellation: consumers of events.

The claim of the event and its effect are one transaction. Giving money back comes after it: killed
in between, the event comes again and finds the refund pending, or the reconciler does.
"""

import logging
from uuid import UUID

from commerce.bootstrap import Shop, in_transaction
from commerce.checkout.refunding import refund
from commerce.checkout.settling import GATEWAY_SECONDS
from commerce.order import OrderCancelled
from commerce.payment import Deadline, PaymentFailed, PaymentSucceeded, RefundReason, Status
from commerce.shared.errors import CommerceError

CONSUMER_OF_RESULTS = "order payment-result"
CONSUMER_OF_CANCELLATIONS = "payment order-cancelled"

logger = logging.getLogger(__name__)


def confirm_paid(event_id: UUID, paid: PaymentSucceeded) -> None:
    """The order is confirmed; if it was called off meanwhile, the money goes back."""

    def work(shop: Shop) -> None:
        if not shop.claim_events(CONSUMER_OF_RESULTS, [event_id]):
            return
        order = shop.orders.mark_paid(paid.order_id, paid.amount)
        if order.status == "CANCELLED":
            shop.payments.begin_refund(paid.order_id, RefundReason.ORDER_CANCELLED_BEFORE)

    in_transaction(work)
    _refund_what_is_pending(paid.order_id)


def cancel_unpaid(event_id: UUID, failed: PaymentFailed) -> None:
    """The card was declined: the order is called off, and what it took goes back."""
    if not failed.is_declined:
        return  # the gateway never decided: the order can still be paid

    def work(shop: Shop) -> None:
        if shop.claim_events(CONSUMER_OF_RESULTS, [event_id]):
            shop.orders.mark_unpaid(failed.order_id, failed.reason)

    in_transaction(work)


def refund_cancelled(event_id: UUID, cancelled: OrderCancelled) -> None:
    """What a card paid for a cancelled order goes back."""
    if cancelled.card_refund.amount == 0:
        return

    def work(shop: Shop) -> None:
        if shop.claim_events(CONSUMER_OF_CANCELLATIONS, [event_id]):
            shop.payments.begin_refund(cancelled.order_id, RefundReason.ORDER_CANCELLED)

    in_transaction(work)
    _refund_what_is_pending(cancelled.order_id)


def _refund_what_is_pending(order_id: UUID) -> None:
    for payment in in_transaction(lambda shop: shop.payments.of_order(order_id)):
        if payment.status is Status.REFUND_PENDING:
            try:
                refund(payment, Deadline.within(GATEWAY_SECONDS))
            except CommerceError:
                logger.warning("payment %s is refunded later", payment.id, exc_info=True)
