"""PATCH /admin/drops/{drop_id}: staff edit a draft, or move a published drop to later times."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import drops
from commerce.app.transactions import once
from commerce.drop import DropLocked, DropNotFound, DropView, EditDrop, UnitsPromised
from commerce.entrypoints.http import (
    IfMatch,
    OptionalRequestKey,
    Scope,
    Staff,
    http_api,
    lambda_handler,
    with_etag,
)
from commerce.product import ProductNotFound

api = http_api()


@api.patch("/admin/drops/<drop_id>")
def edit_drop(
    drop_id: str, command: EditDrop, staff: Staff, if_match: IfMatch, key: OptionalRequestKey
) -> Response[DropView]:
    drop = once(key, drops.edit_drop, drop_id, command, by=staff.by, if_match=if_match)
    return with_etag(drop, drop.version)


handler = lambda_handler(
    api,
    access=Scope.DROPS,
    idempotent="optional",
    refusals=(
        DropNotFound,
        DropLocked,
        UnitsPromised,
        ProductNotFound,
    ),
)
