"""Payment of an order: the request is recorded, the gateway called, its answer recorded.

If the process dies in between, the recorded payment tells a retry with the same key, or else the
reconciler, to ask the gateway for the outcome; a second charge is never requested.
"""

import logging
from uuid import UUID

from commerce.app.checkout.gateway import payment_gateway
from commerce.app.checkout.settlement import adopt, find_unmatched
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction, once
from commerce.order import OrderNotPayable
from commerce.payment import (
    DeclinedTooOften,
    NotTaken,
    Pay,
    Payment,
    PaymentFacade,
    PaymentGatewayUnavailable,
    PaymentUnderWay,
    PaymentView,
    Taken,
    Unknown,
    first_answer,
    gateway_deadline,
    payment_view,
)
from commerce.runtime import idempotency, replay
from commerce.runtime.idempotency import Claim

ANSWER_SECONDS = 10.0  # spec §3.3: a payment is answered within this

logger = logging.getLogger(__name__)


def pay(command: Pay, *, buyer_id: UUID, claim: Claim, callback_url: str) -> PaymentView:
    """Pay the amount due of an order; the payment is PENDING until the gateway's result arrives.

    Raises:
        OrderNotFound, NotYourOrder, OrderNotPayable.
        PaymentGatewayUnavailable: the card was certainly not charged; the order can still be paid,
            with the same key.
    """
    try:
        requested = once(claim, _request_payment, command, buyer_id)
    except (PaymentUnderWay, DeclinedTooOften) as refused:
        raise OrderNotPayable(refused.detail) from refused
    if not replay.is_replayed():
        return _charge(command, requested, buyer_id, callback_url)
    payment = _refreshed(requested.payment_id)
    if payment.is_given_up:
        # That attempt is over, and nothing was charged: the same key may try again.
        in_transaction(_release, claim, requested)
        replay.reset()
        return pay(command, buyer_id=buyer_id, claim=claim, callback_url=callback_url)
    return first_answer(payment)


def _request_payment(shop: Shop, command: Pay, buyer_id: UUID) -> PaymentView:
    due = shop.orders.due(command.order_id, buyer_id=buyer_id)
    payment = shop.payments.request(
        command, order_id=due.order_id, buyer_id=buyer_id, amount=due.amount
    )
    return payment_view(payment)


def _release(shop: Shop, claim: Claim, answer: PaymentView) -> None:
    # Only if `answer` is still the recorded one: somebody else may have used the key again.
    idempotency.release(shop.uow, claim, answer.model_dump_json())


def _charge(command: Pay, requested: PaymentView, buyer_id: UUID, callback_url: str) -> PaymentView:
    order_id, payment_id = UUID(requested.order_id), UUID(requested.payment_id)
    earlier = in_transaction(PaymentFacade.of_order, order_id)
    outcome = payment_gateway().request(
        order_id,
        buyer_id,
        requested.amount.amount,
        command.card,
        callback_url,
        gateway_deadline(),
        [each.transaction_key for each in earlier if each.transaction_key],
    )
    match outcome:
        case Taken(transaction_key):
            adopt(order_id, transaction_key)
        case NotTaken(reason, refused=True):
            in_transaction(PaymentFacade.decline, payment_id, reason)
        case NotTaken(retry_after_seconds=seconds):
            in_transaction(PaymentFacade.give_up, payment_id)
            raise PaymentGatewayUnavailable(
                "Nothing was charged. The order can still be paid: try again in a moment.",
                retry_after_seconds=seconds,
            )
        case Unknown(reason):
            logger.warning("whether payment %s was taken is unknown: %s", payment_id, reason)
    return first_answer(in_transaction(PaymentFacade.find, payment_id))


def _refreshed(payment_id: str) -> Payment:
    payment = in_transaction(PaymentFacade.find, payment_id)
    if payment.is_without_transaction:
        try:
            return find_unmatched(payment, gateway_deadline())
        except PaymentGatewayUnavailable:
            logger.warning("payment %s will be reconciled later", payment.id, exc_info=True)
    return payment
