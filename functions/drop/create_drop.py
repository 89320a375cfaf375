"""POST /admin/drops: staff prepare a drop."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import drops
from commerce.app.transactions import once
from commerce.drop import CreateDrop, DropView
from commerce.entrypoints.http import (
    ADMIN,
    Admin,
    OptionalRequestKey,
    http_api,
    lambda_handler,
    with_etag,
)
from commerce.product import ProductNotFound

api = http_api()


@api.post("/admin/drops")
def create_drop(command: CreateDrop, admin: Admin, key: OptionalRequestKey) -> Response[DropView]:
    drop = once(key, drops.create_drop, command, by=admin.by)
    return with_etag(drop, drop.version, status=201)


handler = lambda_handler(
    api, access=ADMIN, idempotent="optional", success=(201,), refusals=(ProductNotFound,)
)
