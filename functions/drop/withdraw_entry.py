"""DELETE /drops/{drop_id}/entries/me: a user withdraws from a drop; again, nothing changes."""

from commerce.app.transactions import in_transaction
from commerce.drop import (
    DropFacade,
    DropNotFound,
    EntryFinished,
    EntryNotFound,
    EntryOrdered,
    EntryView,
)
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler

api = http_api()


@api.delete("/drops/<drop_id>/entries/me")
def withdraw_entry(drop_id: str, user: Buyer) -> EntryView:
    return in_transaction(DropFacade.withdraw, drop_id, user_id=user.user_id)


handler = lambda_handler(
    api, access=USER, refusals=(DropNotFound, EntryNotFound, EntryOrdered, EntryFinished)
)
