"""Events of brands."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandChanged(Event):
    """An admin has edited a brand; its version counts the edits."""

    source: ClassVar[str] = "commerce.brand"

    brand_id: UUID
    name: str
