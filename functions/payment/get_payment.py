"""GET /payments/{payment_id}: a user reads one of their payments."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.payment import NotYourPayment, PaymentFacade, PaymentNotFound, PaymentView

api = http_api()


@api.get("/payments/<payment_id>")
def get_payment(payment_id: str, buyer: Buyer) -> PaymentView:
    return in_transaction(PaymentFacade.get, payment_id, buyer_id=buyer.user_id)


handler = lambda_handler(api, access=USER, refusals=(PaymentNotFound, NotYourPayment))
