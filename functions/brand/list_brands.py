"""GET /brands: anyone lists the brands, newest first."""

from commerce.app.transactions import in_transaction
from commerce.brand import BrandFacade, BrandView
from commerce.entrypoints.http import Cursor, Limit, http_api, lambda_handler
from commerce.shared.schemas import Page

api = http_api()


@api.get("/brands")
def list_brands(limit: Limit = 20, cursor: Cursor = None) -> Page[BrandView]:
    return in_transaction(BrandFacade.list, limit=limit, after=cursor)


handler = lambda_handler(api)
