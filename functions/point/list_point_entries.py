"""GET /users/me/points/entries: a user reads the ledger of their points."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, Cursor, Limit, http_api, lambda_handler
from commerce.point import LedgerEntryView, PointFacade
from commerce.shared.schemas import Page

api = http_api()


@api.get("/users/me/points/entries")
def list_point_entries(
    buyer: Buyer, limit: Limit = 20, cursor: Cursor = None
) -> Page[LedgerEntryView]:
    return in_transaction(PointFacade.entries, buyer.user_id, limit=limit, after=cursor)


handler = lambda_handler(api, access=USER)
