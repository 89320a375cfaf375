"""A buyer pays: the wish is written down, the gateway is asked, its answer is written down.

Killed anywhere in between, the payment that was written down first leads on: the same key asks the
gateway what became of it, and never for a second charge; without a retry the reconciler does so.
"""

import logging
import time
from uuid import UUID

from commerce.app.checkout.gateway import payment_gateway
from commerce.app.checkout.settlement import adopt, find_unmatched
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction, once
from commerce.order import OrderNotPayable
from commerce.payment import (
    Deadline,
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
    payment_view,
)
from commerce.runtime import idempotency, replay
from commerce.runtime.idempotency import Claim

ANSWER_SECONDS = 10.0  # SPEC §3: a payment is answered within this
GATEWAY_SECONDS = 8.0  # SPEC §5: the whole call
WRITING_SECONDS = 1.5  # what writing the gateway's answer down may take

logger = logging.getLogger(__name__)


def pay(command: Pay, *, buyer_id: UUID, claim: Claim, callback_url: str) -> PaymentView:
    """Pay what is due of an order: PENDING until the gateway's result is heard of.

    Raises OrderNotFound, NotYourOrder, OrderNotPayable; and, where the card surely was not
    charged, PaymentGatewayUnavailable: the order can be paid still, by the same key.
    """
    return _pay(command, buyer_id, claim, callback_url, time.monotonic() + ANSWER_SECONDS)


def _pay(
    command: Pay, buyer_id: UUID, claim: Claim, callback_url: str, ends_at: float
) -> PaymentView:
    try:
        asked = once(claim, _request_payment, command, buyer_id)
    except PaymentUnderWay as refused:
        raise OrderNotPayable(refused.detail) from refused
    if not replay.is_replayed():
        return _ask_the_gateway(command, asked, buyer_id, callback_url, ends_at)
    payment = _found_again(asked.payment_id, ends_at)
    if payment.is_given_up:
        # That try is over, and nothing was charged: the same key may try anew.
        in_transaction(_release, claim, asked)
        replay.reset()
        return _pay(command, buyer_id, claim, callback_url, ends_at)
    return first_answer(payment)


def _request_payment(shop: Shop, command: Pay, buyer_id: UUID) -> PaymentView:
    due = shop.orders.due(command.order_id, buyer_id=buyer_id)
    payment = shop.payments.request(
        command, order_id=due.order_id, buyer_id=buyer_id, amount=due.amount
    )
    return payment_view(payment)


def _release(shop: Shop, claim: Claim, answer: PaymentView) -> None:
    """Let the key be used again, if `answer` is still what was answered."""
    idempotency.release(shop.uow, claim, answer.model_dump_json())


def _ask_the_gateway(
    command: Pay, asked: PaymentView, buyer_id: UUID, callback_url: str, ends_at: float
) -> PaymentView:
    order_id, payment_id = UUID(asked.order_id), UUID(asked.payment_id)
    earlier = in_transaction(PaymentFacade.of_order, order_id)
    outcome = payment_gateway().request(
        order_id,
        buyer_id,
        asked.amount.amount,
        command.card,
        callback_url,
        Deadline(min(time.monotonic() + GATEWAY_SECONDS, ends_at - WRITING_SECONDS)),
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


def _found_again(payment_id: str, ends_at: float) -> Payment:
    """The payment as it is by now; where its transaction is unknown, the gateway may know it."""
    payment = in_transaction(PaymentFacade.find, payment_id)
    if payment.is_without_transaction:
        try:
            return find_unmatched(payment, Deadline(ends_at - WRITING_SECONDS))
        except PaymentGatewayUnavailable:
            logger.warning("payment %s is looked for later", payment.id, exc_info=True)
    return payment
