"""GET /drops/{drop_id}/entries/me: a user sees their entry, its place and its offer."""

from commerce.app.transactions import in_transaction
from commerce.drop import DropFacade, DropNotFound, EntryNotFound, EntryView
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler

api = http_api()


@api.get("/drops/<drop_id>/entries/me")
def get_my_entry(drop_id: str, user: Buyer) -> EntryView:
    return in_transaction(DropFacade.entry, drop_id, user_id=user.user_id)


handler = lambda_handler(api, access=USER, refusals=(DropNotFound, EntryNotFound))
