"""POST /admin/brands: an admin registers a brand."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import once
from commerce.brand import BrandFacade, BrandView, RegisterBrand
from commerce.entrypoints.http import (
    OptionalRequestKey,
    Scope,
    Staff,
    http_api,
    lambda_handler,
    with_etag,
)

api = http_api()


@api.post("/admin/brands")
def register_brand(
    command: RegisterBrand, staff: Staff, key: OptionalRequestKey
) -> Response[BrandView]:
    brand = once(key, BrandFacade.register, command, by=staff.by)
    return with_etag(brand, 1, status=201)


handler = lambda_handler(api, access=Scope.CATALOGUE, idempotent="optional", success=(201,))
