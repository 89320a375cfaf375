"""Brands in PostgreSQL."""

from collections.abc import Collection
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    insert,
    select,
    update,
)

from commerce.brand.model import Brand
from commerce.brand.tables import brand_table
from commerce.shared import audit, clock
from commerce.shared.audit import Change
from commerce.shared.database import Statement
from commerce.shared.unit_of_work import Explain, UnitOfWork

_COLUMNS = (
    brand_table.c.id,
    brand_table.c.name,
    brand_table.c.description,
    brand_table.c.version,
)
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


def _save() -> Select[Any]:
    """Keep an edit of the version that was read; where it is another by now, a rule is broken."""
    saved = (
        update(brand_table)
        .where(
            brand_table.c.id == bindparam("brand_id", type_=Uuid),
            brand_table.c.version == bindparam("version_read", type_=BigInteger),
        )
        .values(
            name=bindparam("new_name", type_=Text),
            description=bindparam("new_description", type_=Text),
            version=brand_table.c.version + 1,
        )
        .returning(brand_table.c.id)
        .cte("saved")
    )
    return select(func.require(func.count() == 1, "brand_as_read")).select_from(saved)


_SAVE = Statement(_save)


class BrandRepository(Protocol):
    """Where brands are kept."""

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Brand]:
        """Those of the brands that exist."""

    def newest(self, before: UUID, limit: int) -> list[Brand]:
        """Brands older than `before`, newest first."""

    def add(self, brand: Brand) -> None:
        """Keep a new brand."""

    def save(self, brand: Brand, *, outdated: Explain) -> None:
        """Keep an edited brand, and tell it; `outdated` explains where somebody was faster."""

    def record(self, change: Change) -> None:
        """Write down what an admin changes."""


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

    def save(self, brand: Brand, *, outdated: Explain) -> None:
        self._uow.write(
            _SAVE(
                brand_id=brand.id,
                version_read=brand.version - 1,
                new_name=brand.name,
                new_description=brand.description,
            ),
            {"brand_as_read": outdated},
        )
        self._uow.record(brand.changed())

    def record(self, change: Change) -> None:
        audit.record(self._uow, change)
