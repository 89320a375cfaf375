"""POST /admin/brands: an admin registers a brand."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import once
from commerce.brand import BrandFacade, BrandView, RegisterBrand
from commerce.entrypoints.http import (
    ADMIN,
    Admin,
    OptionalRequestKey,
    http_api,
    lambda_handler,
    with_etag,
)

api = http_api()


@api.post("/admin/brands")
def register_brand(
    command: RegisterBrand, admin: Admin, key: OptionalRequestKey
) -> Response[BrandView]:
    brand = once(key, BrandFacade.register, command, by=admin.by)
    return with_etag(brand, 1, status=201)


handler = lambda_handler(api, access=ADMIN, idempotent="optional", success=(201,))
