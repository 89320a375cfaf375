"""GET /admin/api-keys: an admin sees the keys of machines, revoked ones too."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Cursor, Limit, Scope, http_api, lambda_handler
from commerce.shared.schemas import Page
from commerce.user.api_keys import ApiKeyFacade, ApiKeyView

api = http_api()


@api.get("/admin/api-keys")
def list_api_keys(limit: Limit = 20, cursor: Cursor = None) -> Page[ApiKeyView]:
    return in_transaction(ApiKeyFacade.list, limit=limit, after=cursor)


handler = lambda_handler(api, access=Scope.ADMIN)
