"""POST /admin/returns/{return_id}/receipt: staff take units in, which are refunded."""

from commerce.app import returns
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.order import ReceiveReturn, ReturnNotFound, ReturnNotPossible, ReturnView

api = http_api()


@api.post("/admin/returns/<return_id>/receipt")
def receive_return(return_id: str, command: ReceiveReturn, staff: Staff) -> ReturnView:
    return in_transaction(returns.receive_return, return_id, command, by=staff.by)


handler = lambda_handler(
    api, access=Scope.ORDERS_FULFIL, refusals=(ReturnNotFound, ReturnNotPossible)
)
