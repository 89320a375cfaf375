"""API keys in PostgreSQL."""

from typing import TYPE_CHECKING
from uuid import UUID

from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.user.api_keys.model import ApiKey

if TYPE_CHECKING:
    from commerce.user.api_keys import statements as sql
else:
    sql = precompiled("commerce.user.api_keys.statements")


class ApiKeyRepository:
    """The store of API keys."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, key: ApiKey, change: Change) -> None:
        """Store a new key, and the change in the audit."""
        self._uow.write(
            sql.ADD(
                id=key.id,
                digest=key.digest,
                name=key.name,
                ends_with=key.ends_with,
                scopes=sorted(key.scopes),
                creator_id=key.creator_id,
                created_by=key.created_by,
                created_at=key.created_at,
                expires_at=key.expires_at,
                revoked_at=key.revoked_at,
                last_used_at=key.last_used_at,
            )
        )
        audit.record(self._uow, change)

    def page(self, before: UUID, limit: int) -> list[ApiKey]:
        """Return keys with a smaller id, revoked ones too, the newest first."""
        return [_key(row) for row in self._uow.read(sql.LIST(before=before, limit=limit))]

    def lock(self, id_: UUID) -> ApiKey | None:
        """Return the key with this id, locked FOR UPDATE."""
        for row in self._uow.lock(sql.LOCK(api_key_id=id_)):
            return _key(row)
        return None

    def revoke(self, key: ApiKey, change: Change) -> None:
        """Store that a locked key is revoked, and the change in the audit."""
        self._uow.write(sql.REVOKE(api_key_id=key.id, new_revoked_at=clock.now()))
        audit.record(self._uow, change)


def _key(row: Row) -> ApiKey:
    return ApiKey(**row._asdict() | {"scopes": frozenset(row.scopes)})
