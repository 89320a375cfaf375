"""Brands in memory: what a write changes, the next read sees."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from commerce.brand.model import Brand
from commerce.runtime.audit import Change
from commerce.runtime.db.connection import Contention
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared.events import Event


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
