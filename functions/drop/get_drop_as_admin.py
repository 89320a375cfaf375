"""GET /admin/drops/{drop_id}: staff see a drop, a draft too, and what it waits for too long."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.drop import DropFacade, DropNotFound, StaffDropView
from commerce.entrypoints.http import Scope, http_api, lambda_handler, with_etag

api = http_api()


@api.get("/admin/drops/<drop_id>")
def get_drop_as_admin(drop_id: str) -> Response[StaffDropView]:
    drop = in_transaction(DropFacade.inspect, drop_id)
    return with_etag(drop, drop.version)


handler = lambda_handler(api, access=Scope.DROPS, refusals=(DropNotFound,))
