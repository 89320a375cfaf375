"""GET /brands/{brand_id}: anyone looks at a brand."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.catalogue import catalogue
from commerce.brand import BrandNotFound, BrandView
from commerce.entrypoints.http import http_api, lambda_handler, with_etag

api = http_api()


@api.get("/brands/<brand_id>")
def get_brand(brand_id: str) -> Response[BrandView]:
    found = catalogue().brand(brand_id)
    return with_etag(found.brand, found.version)


handler = lambda_handler(api, refusals=(BrandNotFound,))
