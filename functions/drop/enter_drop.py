"""POST /drops/{drop_id}/entries: a user enters a drop; again, it is the same entry."""

from commerce.app import drops
from commerce.drop import (
    DropClosed,
    DropNotFound,
    DropNotOpen,
    DropSealed,
    EnterDrop,
    EntryFinished,
    EntryView,
    LotNotFound,
    NotEligible,
    PersonAlreadyEntered,
)
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.user import UserNotFound

api = http_api()
ONLY_LOT = EnterDrop()


@api.post("/drops/<drop_id>/entries")
def enter_drop(drop_id: str, user: Buyer, command: EnterDrop = ONLY_LOT) -> tuple[EntryView, int]:
    entry, is_new = drops.enter_drop(drop_id, command, user_id=user.user_id)
    return entry, 201 if is_new else 200


handler = lambda_handler(
    api,
    access=USER,
    success=(200, 201),
    refusals=(
        UserNotFound,
        DropNotFound,
        LotNotFound,
        DropNotOpen,
        DropSealed,
        DropClosed,
        NotEligible,
        PersonAlreadyEntered,
        EntryFinished,
    ),
)
