"""POST /admin/api-keys: an admin makes a key for a machine."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.user.api_keys import ApiKeyFacade, CreateApiKey, ExpiresTooEarly, NewApiKeyView

api = http_api()


@api.post("/admin/api-keys")
def create_api_key(command: CreateApiKey, staff: Staff) -> tuple[NewApiKeyView, int]:
    # Without an Idempotency-Key: the answer has the key, and must not be stored for a replay.
    return in_transaction(
        ApiKeyFacade.create, command, by=staff.by, creator_id=staff.account_id
    ), 201


handler = lambda_handler(
    api, access=Scope.ADMIN, people_only=True, success=(201,), refusals=(ExpiresTooEarly,)
)
