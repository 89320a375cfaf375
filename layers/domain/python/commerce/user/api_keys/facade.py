"""The use cases of API keys."""

from uuid import UUID

from commerce.runtime.audit import Change
from commerce.shared import clock, cursor
from commerce.shared.clock import rfc3339
from commerce.shared.pagination import newest_first
from commerce.shared.schemas import Page
from commerce.shared.scopes import Scope
from commerce.user.api_keys.commands import CreateApiKey
from commerce.user.api_keys.errors import ApiKeyNotFound, ExpiresTooEarly
from commerce.user.api_keys.model import ApiKey
from commerce.user.api_keys.repository import ApiKeyRepository
from commerce.user.api_keys.views import ApiKeyView, NewApiKeyView


class ApiKeyFacade:
    """Admins make keys for machines, and revoke them."""

    def __init__(self, keys: ApiKeyRepository) -> None:
        self._keys = keys

    def create(self, command: CreateApiKey, *, by: str, creator_id: UUID | None) -> NewApiKeyView:
        """Make a key; its secret is in this answer only.

        What the key may do is decided with each request: its scopes that its creator has then.

        Raises ExpiresTooEarly.
        """
        now = clock.now()
        if command.expires_at is not None and command.expires_at <= now:
            raise ExpiresTooEarly
        key, secret = ApiKey.created(
            clock.new_id(),
            name=command.name,
            scopes=frozenset(command.scopes),
            creator_id=creator_id,
            created_by=by,
            at=now,
            expires_at=command.expires_at,
        )
        after = {"name": key.name, "scopes": sorted(key.scopes)}
        after["expires_at"] = rfc3339(key.expires_at)
        self._keys.add(key, Change(by, "create api key", key.id, {}, after))
        return NewApiKeyView(**_view(key).model_dump(), key=secret)

    def list(self, *, limit: int, after: str | None) -> Page[ApiKeyView]:
        """List all keys, revoked ones too, the newest first. Raises InvalidCursor."""
        return newest_first("api-keys", after, limit, self._keys.page, _view)

    def revoke(self, api_key_id: str, *, by: str) -> None:
        """Revoke a key: its next request is refused. Raises ApiKeyNotFound."""
        id_ = cursor.parse_id(api_key_id)
        key = None if id_ is None else self._keys.lock(id_)
        if key is None:
            raise ApiKeyNotFound
        if key.revoked_at is None:
            before, after = {"revoked": False}, {"revoked": True}
            self._keys.revoke(key, Change(by, "revoke api key", key.id, before, after))


def _view(key: ApiKey) -> ApiKeyView:
    return ApiKeyView(
        api_key_id=str(key.id),
        name=key.name,
        ends_with=key.ends_with,
        scopes=[each for each in Scope if each in key.scopes],
        created_by=key.created_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )
