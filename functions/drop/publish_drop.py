"""POST /admin/drops/{drop_id}/publication: staff publish a drop, whose terms are fixed then."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import drops
from commerce.app.transactions import once
from commerce.drop import DropLocked, DropNotFound, DropOverlaps, DropView
from commerce.entrypoints.http import (
    ADMIN,
    Admin,
    IfMatch,
    OptionalRequestKey,
    http_api,
    lambda_handler,
    with_etag,
)
from commerce.product import OutOfStock

api = http_api()


@api.post("/admin/drops/<drop_id>/publication")
def publish_drop(
    drop_id: str, admin: Admin, if_match: IfMatch, key: OptionalRequestKey
) -> Response[DropView]:
    drop = once(key, drops.publish_drop, drop_id, by=admin.by, if_match=if_match)
    return with_etag(drop, drop.version)


handler = lambda_handler(
    api,
    access=ADMIN,
    idempotent="optional",
    refusals=(
        DropNotFound,
        DropLocked,
        DropOverlaps,
        OutOfStock,
    ),
)
