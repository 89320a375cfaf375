"""Consumers of payment results and of order cancellations.

The claim of an event and its effect are one transaction. The gateway is asked for a refund after
it: if the process dies in between, the redelivered event or the reconciler completes the refund.
"""

import logging
from typing import TypeAlias
from uuid import UUID

from commerce.app.checkout.refunds import refund_payment
from commerce.app.ordering import cancel_declined_order
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.order import OrderCancelled, OrderLinesCancelled, OrderRefunded, ReturnReceived
from commerce.payment import (
    PaymentFacade,
    PaymentFailed,
    PaymentSucceeded,
    RefundReason,
    gateway_deadline,
)
from commerce.runtime.idempotency import claim_events
from commerce.shared.errors import CommerceError
from commerce.shared.events import Received

CONSUMER_OF_RESULTS = "order payment-result"
CONSUMER_OF_CANCELLATIONS = "payment order-cancelled"
GivenBack: TypeAlias = OrderCancelled | OrderLinesCancelled | ReturnReceived | OrderRefunded
"""Events of orders with what is still to be refunded to a card."""

logger = logging.getLogger(__name__)


def confirm_paid(received: Received[PaymentSucceeded]) -> None:
    """Confirm the order, or credit the charge; if it is too late for that, refund the payment."""
    paid = received.event
    if paid.order_id is not None:
        in_transaction(_confirm_paid, received, paid.order_id)
        _refund_pending(paid.order_id)
    elif paid.charge_id is not None:
        in_transaction(_credit_paid, received, paid.charge_id)
        _refund_pending(paid.charge_id)


def cancel_declined(received: Received[PaymentFailed]) -> None:
    """Cancel an order whose last try was declined, before that it stays payable; end a charge."""
    failed = received.event
    if failed.charge_id is not None:
        in_transaction(_fail_charge, received, failed.charge_id)
    # Else the gateway never decided, and it was no try.
    elif failed.order_id is not None and failed.is_declined:
        in_transaction(_cancel_declined, received, failed.order_id)


def refund_given_back(received: Received[GivenBack]) -> None:
    """Refund what a card paid for what was cancelled or returned, or what staff give back.

    The refund was begun with it, except with an order's cancellation by the release before.
    """
    given_back = received.event
    if given_back.card_refund.amount > 0:
        if isinstance(given_back, OrderCancelled):
            in_transaction(_begin_refund, received.id, given_back.order_id)
        _refund_pending(given_back.order_id)


def _confirm_paid(shop: Shop, received: Received[PaymentSucceeded], order_id: UUID) -> None:
    if not claim_events(shop.uow, CONSUMER_OF_RESULTS, [received.id]):
        return
    order = shop.orders.mark_paid(order_id, received.event.amount)
    if order.status == "CONFIRMED" and order.drop_entry_id is not None:
        shop.drops.buy(order_id)
    if order.status == "CANCELLED":
        shop.payments.begin_refund(order_id, RefundReason.ORDER_CANCELLED_BEFORE)


def _credit_paid(shop: Shop, received: Received[PaymentSucceeded], charge_id: UUID) -> None:
    if not claim_events(shop.uow, CONSUMER_OF_RESULTS, [received.id]):
        return
    if not shop.points.credit_charge(charge_id):
        shop.payments.begin_refund(charge_id, RefundReason.CHARGE_NOT_CREDITED)


def _cancel_declined(shop: Shop, received: Received[PaymentFailed], order_id: UUID) -> None:
    if not claim_events(shop.uow, CONSUMER_OF_RESULTS, [received.id]):
        return
    if shop.orders.awaits_payment(order_id) and shop.payments.is_out_of_tries(order_id):
        cancel_declined_order(shop, order_id)


def _fail_charge(shop: Shop, received: Received[PaymentFailed], charge_id: UUID) -> None:
    if not claim_events(shop.uow, CONSUMER_OF_RESULTS, [received.id]):
        return
    # A charge that was found at the gateway after its payment was given up still pays it.
    if shop.points.awaits_payment(charge_id) and not any(
        each.is_live for each in shop.payments.of_subject(charge_id)
    ):
        shop.points.fail_charge(charge_id)


def _begin_refund(shop: Shop, event_id: UUID, order_id: UUID) -> None:
    if claim_events(shop.uow, CONSUMER_OF_CANCELLATIONS, [event_id]):
        shop.payments.begin_refund(order_id, RefundReason.ORDER_CANCELLED)


def _refund_pending(subject_id: UUID) -> None:
    for payment in in_transaction(PaymentFacade.of_subject, subject_id):
        if payment.is_refunding:
            try:
                refund_payment(payment, gateway_deadline())
            except CommerceError:
                logger.warning("payment %s will be refunded later", payment.id, exc_info=True)
