"""POST /admin/orders/{order_id}/notices: staff send the delivery system an order's notice again."""

from commerce.app.operations import NothingToSend, NoticesView, ResendNotice, repeat_notice
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.order import OrderNotFound
from commerce.shipping import DeliverySystemFailed

api = http_api()


@api.post("/admin/orders/<order_id>/notices")
def resend_notice(order_id: str, command: ResendNotice, staff: Staff) -> NoticesView:
    return repeat_notice(order_id, command, by=staff.by)


handler = lambda_handler(
    api, access=Scope.ORDERS_FULFIL, refusals=(OrderNotFound, NothingToSend, DeliverySystemFailed)
)
