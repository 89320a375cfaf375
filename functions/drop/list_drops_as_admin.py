"""GET /admin/drops: staff see all drops, drafts too, newest first."""

from commerce.app.transactions import in_transaction
from commerce.drop import DropFacade, DropView
from commerce.entrypoints.http import Cursor, Limit, Scope, http_api, lambda_handler
from commerce.shared.schemas import Page

api = http_api()


@api.get("/admin/drops")
def list_drops_as_admin(limit: Limit = 20, cursor: Cursor = None) -> Page[DropView]:
    return in_transaction(DropFacade.list, limit=limit, after=cursor, with_drafts=True)


handler = lambda_handler(api, access=Scope.DROPS)
