"""POST /admin/drops/{drop_id}/cancellation: staff cancel a drop; orders stand."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import drops
from commerce.app.transactions import once
from commerce.drop import CancelDrop, DropClosed, DropNotFound, DropView
from commerce.entrypoints.http import (
    IfMatch,
    OptionalRequestKey,
    Scope,
    Staff,
    http_api,
    lambda_handler,
    with_etag,
)

api = http_api()


@api.post("/admin/drops/<drop_id>/cancellation")
def cancel_drop(
    drop_id: str, command: CancelDrop, staff: Staff, if_match: IfMatch, key: OptionalRequestKey
) -> Response[DropView]:
    drop = once(key, drops.cancel_drop, drop_id, command, by=staff.by, if_match=if_match)
    return with_etag(drop, drop.version)


handler = lambda_handler(
    api,
    access=Scope.DROPS,
    idempotent="optional",
    refusals=(
        DropNotFound,
        DropClosed,
    ),
)
