"""What one may ask of the order context."""

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from commerce.shared.shapes import Command, Id, Line, Quantity

MAX_LINES = 50  # SPEC §3


class LineWanted(Command):
    """So many of a product."""

    product_id: Id
    quantity: Quantity


class PlaceOrder(Command):
    """Buy products, each named once, with a coupon or without, and pay with points."""

    lines: Annotated[list[LineWanted], Field(min_length=1, max_length=MAX_LINES)]
    payment_method: Literal["POINT"]
    issued_coupon_id: Id | None = None

    @field_validator("lines")
    @classmethod
    def _each_product_once(cls, lines: list[LineWanted]) -> list[LineWanted]:
        if len({line.product_id.lower() for line in lines}) < len(lines):
            raise PydanticCustomError("product_repeated", "A product may be named once")
        return lines


class CancelOrder(Command):
    """Call an order off; `reason` is kept in its history."""

    reason: Annotated[Line, Field(max_length=200, examples=["Ordered by mistake"])] | None = None
