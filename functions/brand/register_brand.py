"""POST /admin/brands: an admin registers a brand."""

from commerce.bootstrap import in_transaction
from commerce.brand import BrandView, RegisterBrand
from commerce.entrypoints.http import ADMIN, http_api, lambda_handler

api = http_api()


@api.post("/admin/brands")
def register_brand(command: RegisterBrand) -> tuple[BrandView, int]:
    return in_transaction(lambda shop: shop.brands.register(command)), 201


handler = lambda_handler(api, access=ADMIN)
