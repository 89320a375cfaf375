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
from commerce.shared.schemas import Command, Id

_CARD_NO = r"\d{4}-\d{4}-\d{4}-\d{4}"


def _well_formed(card_no: SecretStr) -> SecretStr:
    if not re.fullmatch(_CARD_NO, card_no.get_secret_value(), re.ASCII):
        raise PydanticCustomError(
            "card_no_malformed", "Must be a card number, dddd-dddd-dddd-dddd."
        )
    return card_no


CardNo = Annotated[
    SecretStr,
    AfterValidator(_well_formed),
    WithJsonSchema({"type": "string", "pattern": f"^{_CARD_NO}$", "writeOnly": True}),
]
"""A card's number: it is sent to the gateway, and never shown, stored or logged."""


class Pay(Command):
    """Pay what is due of an order by card."""

    model_config = ConfigDict(hide_input_in_errors=True)

    order_id: Id
    card_type: Literal["SAMSUNG", "KB", "HYUNDAI"]
    card_no: CardNo

    @property
    def card(self) -> Card:
        """The card that is sent to the gateway."""
        return Card(CardType(self.card_type), self.card_no.get_secret_value())


class Callback(BaseModel):
    """A callback of the gateway about a transaction; fields that are not known here are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, strict=True)

    transaction_key: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    order_id: Annotated[str, Field(max_length=200)]
    amount: int
    status: str
