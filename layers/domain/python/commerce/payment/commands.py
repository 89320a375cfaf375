"""The commands of the payment context."""

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from commerce.payment.card import Card, CardType
from commerce.payment.errors import CardRequired, RawCardsRefused
from commerce.runtime import settings
from commerce.shared.schemas import Command, Id

_CARD_NO = r"\d{4}-\d{4}-\d{4}-\d{4}"


def _well_formed(card_no: SecretStr) -> SecretStr:
    if not re.fullmatch(_CARD_NO, card_no.get_secret_value(), re.ASCII):
        raise PydanticCustomError(
            "card_no_malformed", "Must be a card number, dddd-dddd-dddd-dddd."
        )
    return card_no


def _printable(token: SecretStr) -> SecretStr:
    if not re.fullmatch("[!-~]+", token.get_secret_value()):
        raise PydanticCustomError("token_malformed", "Must be a token of the payment gateway.")
    return token


CardNo = Annotated[
    SecretStr,
    AfterValidator(_well_formed),
    WithJsonSchema({"type": "string", "pattern": f"^{_CARD_NO}$", "writeOnly": True}),
]
"""A card's number: it is sent to the gateway, and never shown, stored or logged."""


PaymentToken = Annotated[
    SecretStr,
    Field(min_length=1, max_length=200),
    AfterValidator(_printable),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "pattern": "^[!-~]+$",
            "writeOnly": True,
        }
    ),
]
"""The gateway's token of a card, good for one payment."""


class CardGiven(Command):
    """A card, as callers name it: by the gateway's token, or where that is accepted by number."""

    model_config = ConfigDict(hide_input_in_errors=True)

    card_type: Literal["SAMSUNG", "KB", "HYUNDAI"] | None = None
    card_no: CardNo | None = None
    payment_token: PaymentToken | None = None

    @property
    def card(self) -> Card:
        """The card that is sent to the gateway.

        Raises CardRequired where it is not named in one way, RawCardsRefused.
        """
        if self.card_type is None or (self.card_no is None) == (self.payment_token is None):
            raise CardRequired
        if self.card_no is not None and not accepts_raw_cards():
            raise RawCardsRefused
        number = self.card_no.get_secret_value() if self.card_no else None
        token = self.payment_token.get_secret_value() if self.payment_token else None
        return Card(CardType(self.card_type), number, token)

    @property
    def has_card(self) -> bool:
        """True if any field of a card was sent."""
        return (self.card_type, self.card_no, self.payment_token) != (None, None, None)


class Pay(CardGiven):
    """Pay what is due of an order by card."""

    order_id: Id
    card_type: Literal["SAMSUNG", "KB", "HYUNDAI"]


def accepts_raw_cards() -> bool:
    """Return whether card numbers may be sent to us: never in production."""
    return not settings.is_production() and settings.text("ACCEPT_RAW_CARDS", "true") == "true"


class Callback(BaseModel):
    """A callback of the gateway about a transaction; fields that are not known here are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, strict=True)

    transaction_key: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    order_id: Annotated[str, Field(max_length=200)]
    amount: int
    status: str
