"""The names of products' brands: a read over both tables, so that it needs no round trip more."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from commerce.app.brand_names import statements as sql
else:
    sql = precompiled("commerce.app.brand_names.statements")


class BrandNames:
    """The brands' names by product, on a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def reads(self, product_ids: Sequence[UUID]) -> Sequence[Query]:
        """Return what `of` will read."""
        return [sql.BRAND_NAMES(ids=list(product_ids))]

    def of(self, product_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return the name of each product's brand."""
        [query] = self.reads(product_ids)
        return {row.id: row.name for row in self._uow.read(query)}
