"""What one may ask of the order context."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from commerce.shared.schemas import MAX_AMOUNT, Command, Id, Line, Quantity

MAX_LINES = 50  # SPEC §3


class LineWanted(Command):
    """So many of a product."""

    product_id: Id
    quantity: Quantity


class PlaceOrder(Command):
    """Buy products, each named once, with a coupon or without; `points` go with a card."""

    lines: Annotated[list[LineWanted], Field(min_length=1, max_length=MAX_LINES)]
    payment_method: Literal["POINT", "CARD"]
    issued_coupon_id: Id | None = None
    points: Annotated[int, Field(ge=0, le=MAX_AMOUNT)] | None = None

    @field_validator("lines")
    @classmethod
    def _each_product_once(cls, lines: list[LineWanted]) -> list[LineWanted]:
        if len({line.product_id.lower() for line in lines}) < len(lines):
            raise PydanticCustomError("product_repeated", "A product may be named once")
        return lines

    @field_validator("points")
    @classmethod
    def _a_part_goes_with_a_card(cls, points: int | None, info: ValidationInfo) -> int | None:
        if points is not None and info.data.get("payment_method") == "POINT":
            raise PydanticCustomError("points_without_card", "All of it is paid by points already")
        return points


class CancelOrder(Command):
    """Call an order off; `reason` is kept in its history."""

    reason: Annotated[Line, Field(max_length=200, examples=["Ordered by mistake"])] | None = None
