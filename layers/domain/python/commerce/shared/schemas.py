"""Request and answer shapes of spec §3.1 that several contexts share."""

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError
from pydantic_core.core_schema import (
    no_info_after_validator_function,
    no_info_before_validator_function,
    str_schema,
)

from commerce.shared import clock
from commerce.shared.money import Money

T = TypeVar("T")

MAX_AMOUNT = 1_000_000_000
"""Largest single amount or quantity, so that no sum in a request exceeds 64 bits."""


class Command(BaseModel):
    """A request's body, read strictly: no unknown fields, no `"2"` for 2."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _remove_defaults(schema: dict[str, Any]) -> None:
    for each in schema["properties"].values():
        each.pop("default", None)


class Patch(Command):
    """A merge patch: absent fields stay unchanged, so its schema has no defaults."""

    model_config = ConfigDict(json_schema_extra=_remove_defaults)


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


def _moment(value: object) -> datetime:
    with suppress(ValueError):
        if isinstance(value, str):
            return clock.parse_rfc3339(value)
    raise PydanticCustomError("moment", "Must be a moment such as 2026-01-31T09:30:00Z.")


def _day(value: object) -> date:
    with suppress(ValueError):
        if isinstance(value, str):
            return clock.parse_date(value)
    raise PydanticCustomError("date", "Must be a real date, written as yyyy-mm-dd.")


Moment = Annotated[datetime, BeforeValidator(_moment)]
"""RFC 3339 `date-time`, as callers send it."""

Day = Annotated[date, BeforeValidator(_day)]
"""A date, as callers send it."""

Timestamp = Annotated[
    datetime,
    PlainSerializer(clock.rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339, UTC."""


def one_of(names: Iterable[str]) -> Any:
    """Make a field whose schema lists the strings that it may have."""
    return Field(json_schema_extra={"enum": list(map(str, names))})


_BLANK_GLYPHS = frozenset("\u115f\u1160\u2800\u3164\uffa0\U00013441\U00013442\U0001d159")
"""Letters and symbols without a shape: fillers and blanks."""


def _is_visible(character: str) -> bool:
    """Return True for a letter, number, mark of punctuation or symbol that has a shape.

    Emoji that are newer than Python's tables are unassigned there.
    """
    category = unicodedata.category(character)
    is_new_emoji = category == "Cn" and "\U0001f000" <= character <= "\U0001faff"
    return (category[0] in "LNPS" and character not in _BLANK_GLYPHS) or is_new_emoji


def nfc(text: str, max_length: int) -> str:
    """Normalize text that may have `max_length` characters in NFC.

    What is too long anyway stays as it is, because normalizing a long run of marks is slow: at most
    four characters become one.
    """
    return text if len(text) > 4 * max_length else unicodedata.normalize("NFC", text)


@dataclass(frozen=True, slots=True)
class Form:
    """Metadata of text that a pattern describes, which callers read as a sentence."""

    pattern: str
    sentence: str
    needs_visible: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_after_validator_function(self.checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^{self.pattern}$"}

    def checked(self, text: str) -> str:
        """Return the text. Raises PydanticCustomError or PydanticKnownError."""
        if any("\ud800" <= each <= "\udfff" for each in text):
            raise PydanticKnownError("string_unicode")
        is_blank = self.needs_visible and not any(map(_is_visible, text))
        if is_blank or not re.fullmatch(self.pattern, text):
            said = {"sentence": self.sentence}
            raise PydanticCustomError("string_pattern_mismatch", "{sentence}", said)
        return text


@dataclass(frozen=True, slots=True)
class Text:
    """Metadata of text that is taken in NFC, in which its length counts too."""

    max_length: int
    form: Form

    def __get_pydantic_core_schema__(self, *_: Any) -> CoreSchema:
        limited = no_info_after_validator_function(
            self.form.checked, str_schema(max_length=self.max_length)
        )
        return no_info_before_validator_function(self._normalized, limited)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.form.__get_pydantic_json_schema__(schema, handler)

    def _normalized(self, value: Any) -> Any:
        return nfc(value, self.max_length) if isinstance(value, str) else value


CONTROL = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
"""Characters (within a pattern's brackets) that a line of text must not have.

Controls, line and paragraph separators, and overrides of the writing direction, with which a text
can look like a different one. Letters of right-to-left scripts are allowed.
"""

_LINE = Form(
    rf"[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*",
    "Must be one line with a visible character, without control characters.",
    needs_visible=True,
)
MIN_REASON = 8
"""Visible characters of a reason that an operator gives, so that one says something (spec §3.4)."""
MAX_REASON = 500

_REASON = Form(
    rf"(?:[^\S{CONTROL}]*[^\s{CONTROL}]){{{MIN_REASON}}}[^{CONTROL}]*",
    f"Must say why in one line, with at least {MIN_REASON} visible characters.",
    needs_visible=True,
)
_PROSE = Form(r"[^\x00]*", "Must not have the character U+0000.")


def line(max_length: int) -> Text:
    """Return the metadata of one line of text with a visible character."""
    return Text(max_length, _LINE)


def prose(max_length: int) -> Text:
    """Return the metadata of any text that PostgreSQL can store, which is text without NUL."""
    return Text(max_length, _PROSE)


Reason = Annotated[str, Text(MAX_REASON, _REASON)]
"""Why an operator does what cannot be undone by itself; the audit keeps it."""

Quantity = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
Id = Annotated[str, Field(min_length=1, max_length=64)]
"""An opaque id: a string that is not one of our ids is simply not found."""


def money_view(money: Money) -> MoneyView:
    """Convert money to its view."""
    return MoneyView(amount=money.amount, currency=money.currency)
