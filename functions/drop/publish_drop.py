"""POST /admin/drops/{drop_id}/publication: staff publish a drop, whose terms are fixed then."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import drops
from commerce.app.transactions import once
from commerce.drop import DropLocked, DropNotFound, DropOverlaps, DropView
from commerce.entrypoints.http import (
    IfMatch,
    OptionalRequestKey,
    Scope,
    Staff,
    http_api,
    lambda_handler,
    with_etag,
)
from commerce.product import OutOfStock

api = http_api()


@api.post("/admin/drops/<drop_id>/publication")
def publish_drop(
    drop_id: str, staff: Staff, if_match: IfMatch, key: OptionalRequestKey
) -> Response[DropView]:
    drop = once(key, drops.publish_drop, drop_id, by=staff.by, if_match=if_match)
    return with_etag(drop, drop.version)


handler = lambda_handler(
    api,
    access=Scope.DROPS,
    idempotent="optional",
    refusals=(
        DropNotFound,
        DropLocked,
        DropOverlaps,
        OutOfStock,
    ),
)
