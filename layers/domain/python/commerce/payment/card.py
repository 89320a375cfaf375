"""A buyer's card. Its number goes to the gateway only; its last four digits may be shown."""

from dataclasses import dataclass, field
from enum import StrEnum


class CardType(StrEnum):
    """The card issuers that the gateway knows, in its words."""

    SAMSUNG = "SAMSUNG"
    KB = "KB"
    HYUNDAI = "HYUNDAI"


@dataclass(frozen=True, slots=True)
class Card:
    """A card type and a number dddd-dddd-dddd-dddd, which its repr leaves out."""

    type: CardType
    number: str = field(repr=False)

    @property
    def last4(self) -> str:
        """The only part of the number that may be stored or shown."""
        return self.number[-4:]
