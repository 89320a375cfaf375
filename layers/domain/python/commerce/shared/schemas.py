"""The shapes of SPEC §3 that several contexts share, and how strict a request is read."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from commerce.shared import clock
from commerce.shared.money import Money

T = TypeVar("T")

MAX_AMOUNT = 1_000_000_000
"""Largest single amount or quantity, so that no sum of a request leaves 64 bits."""


class Command(BaseModel):
    """A request's body: no unknown fields, no `"2"` for 2."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _tell_no_defaults(schema: dict[str, Any]) -> None:
    for each in schema["properties"].values():
        each.pop("default", None)


class Patch(Command):
    """A merge patch: what is absent stays as it is, so its schema tells of no defaults."""

    model_config = ConfigDict(json_schema_extra=_tell_no_defaults)


class View(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class MoneyView(View):
    """Minor units and ISO 4217 currency."""

    amount: int = Field(examples=[12000])
    currency: str = Field(examples=["KRW"])


class Page(View, Generic[T]):
    """A part of a list; `next_cursor` leads to the next part, null ends it."""

    items: list[T]
    next_cursor: str | None


Timestamp = Annotated[
    datetime,
    PlainSerializer(clock.rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339, UTC."""


def one_of(names: Iterable[str]) -> Any:
    """Says in a view's schema which words its text is one of."""
    return Field(json_schema_extra={"enum": list(map(str, names))})


CONTROL = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
"""Characters (within a pattern's brackets) that no line of text has.

Controls, line and paragraph separators, and what turns the direction of writing around: with those
a text shows as another one than it is. Letters of any script, and their own direction, may be.
"""

Line = Annotated[str, Field(pattern=rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$")]
"""One line of text that is not blank."""

Prose = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""Any text that PostgreSQL can keep: it has no NUL."""

Quantity = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
Id = Annotated[str, Field(min_length=1, max_length=64)]
"""Opaque: what is not an id of ours is simply not found."""


def money_view(money: Money) -> MoneyView:
    """Money as callers see it."""
    return MoneyView(amount=money.amount, currency=money.currency)
