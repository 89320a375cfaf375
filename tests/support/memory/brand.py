"""Brands in memory: what a write changes, the next read sees."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

from commerce.app.brand_names import BrandNames
from commerce.brand import BrandFacade
from commerce.brand.model import Brand
from commerce.runtime.audit import Change
from commerce.runtime.db.connection import Contention
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared.events import Event
from tests.support.memory.product import MemoryProductRepository


class MemoryBrandRepository:
    """Implements commerce.brand.repository.BrandRepository without a database."""

    def __init__(self) -> None:
        self._brands: dict[UUID, Brand] = {}
        self.events: list[Event] = []
        self.changes: list[Change] = []

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Brand]:
        return {id_: _copy(self._brands[id_]) for id_ in ids if id_ in self._brands}

    def newest(self, before: UUID, limit: int) -> list[Brand]:
        older = [_copy(brand) for brand in self._brands.values() if brand.id < before]
        return sorted(older, key=lambda brand: brand.id, reverse=True)[:limit]

    def add(self, brand: Brand) -> None:
        self._brands[brand.id] = _copy(brand)

    def save(self, brand: Brand, *, on_stale: ErrorFactory) -> None:
        if self._brands[brand.id].version != brand.version - 1:
            raise on_stale() or Contention("brand_as_read")
        self.add(brand)
        self.events.extend(brand.events)

    def record(self, change: Change) -> None:
        self.changes.append(change)


def _copy(brand: Brand) -> Brand:
    return replace(brand, events=[])


class MemoryBrandNames(BrandNames):
    """The names of products' brands, for a shop in memory."""

    def __init__(self, products: MemoryProductRepository, brands: BrandFacade) -> None:
        self._products = products
        self._brands = brands

    def reads(self, product_ids: Sequence[UUID]) -> Sequence[Query]:
        return ()

    def of(self, product_ids: Sequence[UUID]) -> dict[UUID, str]:
        found = self._products.find_all(product_ids)
        return {id_: self._brands.get(str(each.brand_id)).name for id_, each in found.items()}
