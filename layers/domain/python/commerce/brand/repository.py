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
    """Where brands are kept."""

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Brand]:
        """Those of the brands that exist."""

    def newest(self, before: UUID, limit: int) -> list[Brand]:
        """Brands older than `before`, newest first."""

    def add(self, brand: Brand) -> None:
        """Keep a new brand."""

    def save(self, brand: Brand, *, outdated: ErrorFactory) -> None:
        """Keep an edited brand, and tell it; `outdated` explains where somebody was faster."""

    def record(self, change: Change) -> None:
        """Write down what an admin changes."""


class SqlBrandRepository:
    """The brands of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Brand]:
        return {row.id: Brand(*row) for row in self._uow.read(sql.SOME(ids=list(ids)))}

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

    def save(self, brand: Brand, *, outdated: ErrorFactory) -> None:
        self._uow.write(
            sql.SAVE(
                row_id=brand.id,
                version_read=brand.version - 1,
                new_version=brand.version,
                new_name=brand.name,
                new_description=brand.description,
            ),
            {"brand_as_read": outdated},
        )
        self._uow.record(brand.changed())

    def record(self, change: Change) -> None:
        audit.record(self._uow, change)
