"""Payment of an order: the request is recorded, the gateway called, its answer recorded.

If the process dies in between, the recorded payment tells a retry with the same key, or else the
reconciler, to ask the gateway for the outcome; a second charge is never requested.
"""

from uuid import UUID

from commerce.app.checkout.card_requests import ask_again, charge_card, release
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction, once
from commerce.order import OrderNotPayable
from commerce.payment import (
    Card,
    DeclinedTooOften,
    Pay,
    PaymentUnderWay,
    PaymentView,
    first_answer,
    payment_view,
)
from commerce.runtime import replay
from commerce.runtime.idempotency import Claim
from commerce.shared import cursor


def pay(command: Pay, *, buyer_id: UUID, claim: Claim, callback_url: str) -> PaymentView:
    """Pay the amount due of an order; the payment is PENDING until the gateway's result arrives.

    Raises:
        OrderNotFound, NotYourOrder, OrderNotPayable.
        CardRequired, RawCardsRefused, TooManyDeclines, TooManyCards.
        TokenUsed: the gateway does not take the token; nothing was charged.
        PaymentGatewayUnavailable: the card was certainly not charged; the order can still be paid,
            with the same key.
    """
    card = command.card
    try:
        requested = once(claim, _request_payment, command.order_id, card, buyer_id)
    except PaymentUnderWay as refused:  # found by the commit
        raise OrderNotPayable(refused.detail) from refused
    if not replay.is_replayed():
        return first_answer(charge_card(requested, buyer_id, card, callback_url))
    payment = ask_again(requested.payment_id)
    if payment.is_given_up:
        # That attempt is over, and nothing was charged: the same key may try again.
        in_transaction(release, claim, requested)
        replay.reset()
        return pay(command, buyer_id=buyer_id, claim=claim, callback_url=callback_url)
    return first_answer(payment)


def _request_payment(shop: Shop, order_id: str, card: Card, buyer_id: UUID) -> PaymentView:
    if id_ := cursor.parse_id(order_id):
        shop.lock_ahead(
            *shop.orders.locks_of_order(id_), *shop.payments.locks_of_request(id_, buyer_id)
        )
    due = shop.orders.due(order_id, buyer_id=buyer_id)
    try:
        payment = shop.payments.request(
            card, order_id=due.order_id, buyer_id=buyer_id, amount=due.amount
        )
    except (PaymentUnderWay, DeclinedTooOften) as refused:
        raise OrderNotPayable(refused.detail) from refused
    return payment_view(payment)
