"""GET /admin/audit: an admin reads what staff, keys and operators did, the newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from commerce.app.audit import ActView, acts
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Cursor, Limit, Scope, http_api, lambda_handler
from commerce.shared.schemas import Moment, Page, line

BY = "Who did it, as the audit names them: admin:…, key:… or an operator's name"
ACTION = "An operation, as POST /admin/orders/{order_id}/shipment, or a command, as make ops dlq"

Word = Annotated[str, line(300)]

api = http_api()


@api.get("/admin/audit")
def list_acts(
    by: Annotated[Word | None, Query(description=BY)] = None,
    action: Annotated[Word | None, Query(description=ACTION)] = None,
    since: Annotated[Moment | None, Query(description="Not before this moment")] = None,
    until: Annotated[Moment | None, Query(description="Before this moment")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[ActView]:
    return in_transaction(
        acts, by=by, action=action, since=since, until=until, limit=limit, after=cursor
    )


handler = lambda_handler(api, access=Scope.ADMIN)
