"""POST /admin/payments/{payment_id}/sync: an admin settles a payment by the gateway's record."""

from commerce.app.operations import sync_payment as sync
from commerce.entrypoints.http import ADMIN, Admin, http_api, lambda_handler
from commerce.payment import AmountDiffers, PaymentGatewayUnavailable, PaymentNotFound, PaymentView

api = http_api()


@api.post("/admin/payments/<payment_id>/sync")
def sync_payment(payment_id: str, admin: Admin) -> PaymentView:
    return sync(payment_id, by=admin.by)


handler = lambda_handler(
    api, access=ADMIN, refusals=(PaymentNotFound, AmountDiffers, PaymentGatewayUnavailable)
)
