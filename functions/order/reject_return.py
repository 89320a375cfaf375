"""POST /admin/returns/{return_id}/rejection: staff refuse a return."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.order import OrderFacade, RejectReturn, ReturnNotFound, ReturnNotPossible, ReturnView

api = http_api()


@api.post("/admin/returns/<return_id>/rejection")
def reject_return(return_id: str, command: RejectReturn, staff: Staff) -> ReturnView:
    return in_transaction(OrderFacade.reject_return, return_id, command, by=staff.by)


handler = lambda_handler(
    api, access=Scope.ORDERS_FULFIL, refusals=(ReturnNotFound, ReturnNotPossible)
)
