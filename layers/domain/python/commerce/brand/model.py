"""A brand."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Brand:
    """Who makes a product."""

    id: UUID
    name: str
    description: str
