"""POST /admin/payments/{payment_id}/sync: an admin settles a payment by the gateway's record."""

from commerce.app.operations import SyncPayment
from commerce.app.operations import sync_payment as sync
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.payment import AmountDiffers, PaymentGatewayUnavailable, PaymentNotFound, PaymentView

api = http_api()
NO_REASON = SyncPayment()


@api.post("/admin/payments/<payment_id>/sync")
def sync_payment(payment_id: str, staff: Staff, command: SyncPayment = NO_REASON) -> PaymentView:
    return sync(payment_id, command, by=staff.by)


handler = lambda_handler(
    api, access=Scope.REFUNDS, refusals=(PaymentNotFound, AmountDiffers, PaymentGatewayUnavailable)
)
