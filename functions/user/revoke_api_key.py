"""DELETE /admin/api-keys/{api_key_id}: an admin revokes a machine's key, at once."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler, no_content
from commerce.user.api_keys import ApiKeyFacade, ApiKeyNotFound

api = http_api()


@api.delete("/admin/api-keys/<api_key_id>")
def revoke_api_key(api_key_id: str, staff: Staff) -> Response[None]:
    in_transaction(ApiKeyFacade.revoke, api_key_id, by=staff.by)
    return no_content()


handler = lambda_handler(
    api, access=Scope.ADMIN, people_only=True, success=(204,), refusals=(ApiKeyNotFound,)
)
