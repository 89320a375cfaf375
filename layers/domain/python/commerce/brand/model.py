"""A brand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from commerce.brand.events import BrandChanged
from commerce.shared.events import Event


@dataclass(slots=True)
class Brand:
    """A maker of products. `version` counts its edits."""

    id: UUID
    name: str
    description: str
    version: int = 1
    events: list[Event] = field(default_factory=list, repr=False, compare=False)

    def edit(self, changes: Mapping[str, Any]) -> None:
        """Change the given fields, which makes the next version."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1
        self._record_event(BrandChanged, name=self.name)

    def _record_event(self, event: Callable[..., Event], **data: Any) -> None:
        self.events.append(
            event(aggregate_id=self.id, aggregate_version=self.version, brand_id=self.id, **data)
        )
