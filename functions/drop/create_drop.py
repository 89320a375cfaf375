"""POST /admin/drops: staff prepare a drop."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import drops
from commerce.app.transactions import once
from commerce.drop import CreateDrop, DropView
from commerce.entrypoints.http import (
    OptionalRequestKey,
    Scope,
    Staff,
    http_api,
    lambda_handler,
    with_etag,
)
from commerce.product import ProductNotFound

api = http_api()


@api.post("/admin/drops")
def create_drop(command: CreateDrop, staff: Staff, key: OptionalRequestKey) -> Response[DropView]:
    drop = once(key, drops.create_drop, command, by=staff.by)
    return with_etag(drop, drop.version, status=201)


handler = lambda_handler(
    api, access=Scope.DROPS, idempotent="optional", success=(201,), refusals=(ProductNotFound,)
)
