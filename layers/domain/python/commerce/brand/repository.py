"""Brands in PostgreSQL."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, insert, select

from commerce.brand.model import Brand
from commerce.brand.tables import brand_table
from commerce.shared import clock
from commerce.shared.database import Statement
from commerce.shared.unit_of_work import UnitOfWork

_COLUMNS = (brand_table.c.id, brand_table.c.name, brand_table.c.description)
_SOME = Statement(
    select(*_COLUMNS).where(brand_table.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
)
_NEWEST = Statement(
    select(*_COLUMNS)
    .where(brand_table.c.id < bindparam("before", type_=Uuid))
    .order_by(brand_table.c.id.desc())
    .limit(bindparam("limit"))
)
_ADD = Statement(
    insert(brand_table).values(
        {name: bindparam(name) for name in ("id", "name", "description", "created_at")}
        | {"version": 1}
    )
)


class BrandRepository(Protocol):
    """Where brands are kept."""

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Brand]:
        """Those of the brands that exist."""

    def newest(self, before: UUID, limit: int) -> list[Brand]:
        """Brands older than `before`, newest first."""

    def add(self, brand: Brand) -> None:
        """Keep a new brand."""


class SqlBrandRepository:
    """The brands of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Brand]:
        return {row.id: Brand(*row) for row in self._uow.read(_SOME(ids=list(ids)))}

    def newest(self, before: UUID, limit: int) -> list[Brand]:
        return [Brand(*row) for row in self._uow.read(_NEWEST(before=before, limit=limit))]

    def add(self, brand: Brand) -> None:
        self._uow.write(
            _ADD(
                id=brand.id,
                name=brand.name,
                description=brand.description,
                created_at=clock.now(),
            )
        )
