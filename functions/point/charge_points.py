"""POST /users/me/points/charges: a user charges points, for nothing or by card."""

from commerce.app.checkout import ANSWER_SECONDS, BuyPoints, ChargePage, buy_points
from commerce.entrypoints.http import USER, Buyer, RequestKey, http_api, lambda_handler
from commerce.entrypoints.payments import callback_url
from commerce.payment import (
    CardNotNeeded,
    CardRequired,
    PaymentGatewayUnavailable,
    RawCardsRefused,
    TokenUsed,
    TooManyCards,
    TooManyDeclines,
)
from commerce.point import BalanceLimitExceeded, ChargingClosed, DailyChargeLimitExceeded
from commerce.runtime.settings import fingerprint_key

api = http_api()


@api.post("/users/me/points/charges")
def charge_points(command: BuyPoints, buyer: Buyer, key: RequestKey) -> tuple[ChargePage, int]:
    url = callback_url(api.current_event.raw_event["requestContext"])
    return buy_points(command, buyer_id=buyer.user_id, claim=key, callback_url=url), 201


handler = lambda_handler(
    api,
    access=USER,
    idempotent=True,
    fingerprint_key=fingerprint_key,
    answer_within_seconds=ANSWER_SECONDS,
    success=(201,),
    refusals=(
        ChargingClosed,
        DailyChargeLimitExceeded,
        BalanceLimitExceeded,
        CardNotNeeded,
        CardRequired,
        RawCardsRefused,
        TokenUsed,
        TooManyCards,
        TooManyDeclines,
        PaymentGatewayUnavailable,
    ),
)
