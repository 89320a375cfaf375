"""A brand."""

from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

from commerce.brand.events import BrandChanged


@dataclass(frozen=True, slots=True)
class Brand:
    """Who makes a product. Every edit makes a new version."""

    id: UUID
    name: str
    description: str
    version: int = 1

    def edit(self, changes: dict[str, Any]) -> Self:
        """The same brand with some fields changed."""
        return replace(self, **changes, version=self.version + 1)

    def changed(self) -> BrandChanged:
        """What is told of its last edit."""
        return BrandChanged(
            aggregate_id=self.id,
            aggregate_version=self.version,
            brand_id=self.id,
            name=self.name,
        )
