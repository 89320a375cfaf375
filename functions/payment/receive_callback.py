"""POST /payments/callbacks: the gateway reports, signed, that a transaction has its result."""

from commerce.app.checkout import handle_callback
from commerce.entrypoints.http import http_api, lambda_handler
from commerce.entrypoints.payments import require_signature
from commerce.payment import (
    AmountDiffers,
    BadSignature,
    Callback,
    PaymentGatewayUnavailable,
    PaymentNotFound,
)

api = http_api()


@api.post("/payments/callbacks")
def receive_callback(callback: Callback) -> dict[str, bool]:
    handle_callback(callback)
    return {"received": True}


handler = lambda_handler(
    api,
    require=require_signature,
    refusals=(BadSignature, PaymentNotFound, AmountDiffers, PaymentGatewayUnavailable),
)
