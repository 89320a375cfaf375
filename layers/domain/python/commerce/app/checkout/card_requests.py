"""Charging a card for a payment that is recorded, whatever it is for."""

import logging
from collections.abc import Collection
from functools import partial
from uuid import UUID

from pydantic import BaseModel

from commerce.app.checkout.gateway import payment_gateway
from commerce.app.checkout.settlement import adopt, find_unmatched
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.payment import (
    TOKEN_REFUSALS,
    Card,
    NotTaken,
    Payment,
    PaymentFacade,
    PaymentGatewayUnavailable,
    PaymentView,
    Taken,
    TokenUsed,
    Unknown,
    gateway_deadline,
)
from commerce.runtime import idempotency
from commerce.runtime.idempotency import Claim

ANSWER_SECONDS = 10.0  # spec §3.3: a payment is answered within this

logger = logging.getLogger(__name__)


def charge_card(requested: PaymentView, buyer_id: UUID, card: Card, callback_url: str) -> Payment:
    """Request a recorded payment from the gateway, once, and record its answer.

    Raises:
        TokenUsed: the gateway does not take the token; nothing was charged.
        PaymentGatewayUnavailable: the card was certainly not charged.
    """
    payment_id = UUID(requested.payment_id)
    subject_id = UUID(requested.order_id or requested.charge_id)
    outcome = payment_gateway().request(
        subject_id,
        buyer_id,
        requested.amount.amount,
        card,
        callback_url,
        gateway_deadline(),
        partial(_keys_of_others, subject_id, payment_id),
    )
    payment: Payment | None = None
    match outcome:
        case Taken(transaction_key):
            payment = adopt(subject_id, transaction_key)
        case NotTaken(reason, refused=True) if reason in TOKEN_REFUSALS:
            in_transaction(PaymentFacade.give_up, payment_id)
            raise TokenUsed
        case NotTaken(reason, refused=True):
            payment = in_transaction(PaymentFacade.decline, payment_id, reason)
        case NotTaken(retry_after_seconds=seconds):
            in_transaction(PaymentFacade.give_up, payment_id)
            raise PaymentGatewayUnavailable(
                "Nothing was charged. It can still be paid: try again in a moment.",
                retry_after_seconds=seconds,
            )
        case Unknown(reason):
            logger.warning("whether payment %s was taken is unknown: %s", payment_id, reason)
    if payment is not None and payment.id == payment_id:
        return payment
    # Without an answer, or where the payment was given up and another has its transaction.
    return in_transaction(PaymentFacade.find, payment_id)


def _keys_of_others(subject_id: UUID, payment_id: UUID) -> Collection[str]:
    payments = in_transaction(PaymentFacade.of_subject, subject_id)
    others = [each.transaction_key for each in payments if each.id != payment_id]
    return [key for key in others if key is not None]


def ask_again(payment_id: str) -> Payment:
    """Return a payment, after asking the gateway about one whose request was not answered."""
    payment = in_transaction(PaymentFacade.find, payment_id)
    if payment.is_without_transaction:
        try:
            return find_unmatched(payment, gateway_deadline())
        except PaymentGatewayUnavailable:
            logger.warning("payment %s will be reconciled later", payment.id, exc_info=True)
    return payment


def release(shop: Shop, claim: Claim, answer: BaseModel) -> None:
    """Forget a claim, if `answer` is still the recorded one: else the key is used again already."""
    idempotency.release(shop.uow, claim, answer.model_dump_json())
