"""POST /payments: a user pays an order by card."""

from commerce.app.checkout import ANSWER_SECONDS, pay
from commerce.entrypoints.http import USER, Buyer, RequestKey, http_api, lambda_handler
from commerce.entrypoints.idempotency import answer_once
from commerce.entrypoints.payments import callback_url
from commerce.order import NotYourOrder, OrderNotFound, OrderNotPayable
from commerce.payment import (
    CardRequired,
    Pay,
    PaymentGatewayUnavailable,
    PaymentView,
    RawCardsRefused,
    TokenUsed,
    TooManyCards,
    TooManyDeclines,
)
from commerce.runtime.settings import fingerprint_key

api = http_api()


@api.post("/payments")
def pay_order(command: Pay, buyer: Buyer, key: RequestKey) -> tuple[PaymentView, int]:
    context = api.current_event.raw_event["requestContext"]
    return pay(command, buyer_id=buyer.user_id, claim=key, callback_url=callback_url(context)), 201


handler = lambda_handler(
    api,
    access=USER,
    idempotent=True,
    answered_by=answer_once,
    fingerprint_key=fingerprint_key,
    answer_within_seconds=ANSWER_SECONDS,
    success=(201,),
    refusals=(
        OrderNotFound,
        NotYourOrder,
        OrderNotPayable,
        CardRequired,
        RawCardsRefused,
        TokenUsed,
        TooManyCards,
        TooManyDeclines,
        PaymentGatewayUnavailable,
    ),
)
