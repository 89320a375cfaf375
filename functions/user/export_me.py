"""GET /users/me/export: a user reads everything that is kept about them."""

from commerce.app.privacy import KeptView, export
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, Cursor, Limit, http_api, lambda_handler
from commerce.shared.schemas import Page
from commerce.user import UserNotFound

api = http_api()


@api.get("/users/me/export")
def export_me(buyer: Buyer, limit: Limit = 100, cursor: Cursor = None) -> Page[KeptView]:
    return in_transaction(export, user_id=buyer.user_id, limit=limit, after=cursor)


handler = lambda_handler(api, access=USER, refusals=(UserNotFound,))
