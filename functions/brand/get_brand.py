"""GET /brands/{brand_id}: anyone looks at a brand."""

from commerce.brand import BrandView
from commerce.catalogue import catalogue
from commerce.entrypoints.http import http_api, lambda_handler

api = http_api()


@api.get("/brands/<brand_id>")
def get_brand(brand_id: str) -> BrandView:
    return catalogue().brand(brand_id)


handler = lambda_handler(api)
