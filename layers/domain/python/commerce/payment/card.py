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
    """A card type, and the gateway's token of a card or its number dddd-dddd-dddd-dddd.

    Its repr leaves both out.
    """

    type: CardType
    number: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @property
    def last4(self) -> str | None:
        """The only part of the number that may be stored or shown; None of a token."""
        return self.number[-4:] if self.number else None
