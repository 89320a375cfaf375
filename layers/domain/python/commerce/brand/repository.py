"""Brands in PostgreSQL."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from commerce.brand.model import Brand
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import ErrorFactory, UnitOfWork
from commerce.shared import clock

if TYPE_CHECKING:
    from commerce.brand import statements as sql
else:
    sql = precompiled("commerce.brand.statements")


class BrandRepository(Protocol):
    """The store of brands."""

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Brand]:
        """Find those of the brands that exist."""

    def newest(self, before: UUID, limit: int) -> list[Brand]:
        """Find brands older than `before`, newest first."""

    def add(self, brand: Brand) -> None:
        """Store a new brand."""

    def save(self, brand: Brand, *, on_stale: ErrorFactory) -> None:
        """Store an edited brand with its events; `on_stale`: another edit was stored before it."""

    def record(self, change: Change) -> None:
        """Record an admin's change in the audit."""


class SqlBrandRepository:
    """The brands in PostgreSQL."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Brand]:
        return {row.id: Brand(*row) for row in self._uow.read(sql.FIND_ALL(ids=list(ids)))}

    def newest(self, before: UUID, limit: int) -> list[Brand]:
        return [Brand(*row) for row in self._uow.read(sql.NEWEST(before=before, limit=limit))]

    def add(self, brand: Brand) -> None:
        self._uow.write(
            sql.ADD(
                id=brand.id,
                name=brand.name,
                description=brand.description,
                created_at=clock.now(),
            )
        )

    def save(self, brand: Brand, *, on_stale: ErrorFactory) -> None:
        self._uow.write(
            sql.SAVE(
                row_id=brand.id,
                version_read=brand.version - 1,
                new_version=brand.version,
                new_name=brand.name,
                new_description=brand.description,
            ),
            {"brand_as_read": on_stale},
        )
        self._uow.record(*brand.events)

    def record(self, change: Change) -> None:
        audit.record(self._uow, change)
