"""A buyer's card: shown by its last four digits, known in full to nobody but the gateway."""

from dataclasses import dataclass, field
from enum import StrEnum


class CardType(StrEnum):
    """Whose card it is, in the gateway's words."""

    SAMSUNG = "SAMSUNG"
    KB = "KB"
    HYUNDAI = "HYUNDAI"


@dataclass(frozen=True, slots=True)
class Card:
    """A card type and a number dddd-dddd-dddd-dddd; the number is in no text made of it."""

    type: CardType
    number: str = field(repr=False)

    @property
    def last4(self) -> str:
        """All of the number that may be kept or shown."""
        return self.number[-4:]
