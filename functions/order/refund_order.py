"""POST /admin/orders/{order_id}/refunds: staff refund a part of what was paid."""

from commerce.app import returns
from commerce.app.transactions import once
from commerce.entrypoints.http import RequestKey, Scope, Staff, http_api, lambda_handler
from commerce.order import OrderNotFound, OrderView, RefundExceedsPaid, RefundOrder

api = http_api()


@api.post("/admin/orders/<order_id>/refunds")
def refund_order(
    order_id: str, command: RefundOrder, staff: Staff, key: RequestKey
) -> tuple[OrderView, int]:
    return once(key, returns.refund_order, order_id, command, by=staff.by), 201


handler = lambda_handler(
    api,
    access=Scope.REFUNDS,
    idempotent=True,
    success=(201,),
    refusals=(OrderNotFound, RefundExceedsPaid),
)
