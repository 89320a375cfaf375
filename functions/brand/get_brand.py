"""GET /brands/{brand_id}: anyone looks at a brand."""

from commerce.bootstrap import in_transaction
from commerce.brand import BrandView
from commerce.entrypoints.http import http_api, lambda_handler

api = http_api()


@api.get("/brands/<brand_id>")
def get_brand(brand_id: str) -> BrandView:
    return in_transaction(lambda shop: shop.brands.get(brand_id))


handler = lambda_handler(api)
