"""The views of API keys."""

from pydantic import Field

from commerce.shared.schemas import Timestamp, View
from commerce.shared.scopes import Scope


class ApiKeyView(View):
    """An API key, without its secret."""

    api_key_id: str
    name: str
    ends_with: str = Field(description="The last characters of the key")
    scopes: list[Scope]
    created_by: str = Field(description="The creator, as the audit names them")
    created_at: Timestamp
    expires_at: Timestamp
    revoked_at: Timestamp | None
    last_used_at: Timestamp | None


class NewApiKeyView(ApiKeyView):
    """A new API key, with its secret, which is shown this once."""

    key: str = Field(repr=False, description="To be sent as X-Api-Key; it is not kept")
