"""The drops of a shop that has none, for orders in memory."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from commerce.drop import DropFacade, DropRepository
from commerce.runtime.db.unit_of_work import ErrorFactory


class _NoDrops:
    """The part of DropRepository that ordinary orders use."""

    def selling(self, product_ids: Sequence[UUID]) -> dict[UUID, UUID]:
        return {}

    def require_no_drop(
        self,
        product_ids: Sequence[UUID],
        *,
        but: UUID | None = None,
        on_violation: ErrorFactory,
    ) -> None:
        pass


def no_drops() -> DropFacade:
    """A facade that knows no drop."""
    return DropFacade(cast("DropRepository", _NoDrops()))
