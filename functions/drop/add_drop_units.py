"""POST /admin/drops/{drop_id}/units: staff add units to a drop."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import drops
from commerce.app.transactions import once
from commerce.drop import AddUnits, DropLocked, DropNotFound, DropView, LotNotFound
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


@api.post("/admin/drops/<drop_id>/units")
def add_drop_units(
    drop_id: str, command: AddUnits, staff: Staff, if_match: IfMatch, key: OptionalRequestKey
) -> Response[DropView]:
    drop = once(key, drops.add_units, drop_id, command, by=staff.by, if_match=if_match)
    drops.nudge()  # the units have heirs
    return with_etag(drop, drop.version)


handler = lambda_handler(
    api,
    access=Scope.DROPS,
    idempotent="optional",
    refusals=(
        DropNotFound,
        LotNotFound,
        DropLocked,
        OutOfStock,
    ),
)
