"""The commands of the coupon context."""

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from commerce.coupon.model import Kind
from commerce.shared.schemas import MAX_AMOUNT, Amount, Command, Moment, Quantity, line


class RegisterCoupon(Command):
    """Offer a coupon. Amounts are minor units of KRW.

    `value` is an amount (FIXED) or whole percents, 1 to 100 (RATE); `max_discount` limits the
    discount, null for no limit. It is valid from `valid_from` until just before `valid_until`.
    """

    name: Annotated[str, line(100), Field(examples=["Autumn, 10 % off"])]
    kind: Annotated[Kind, Field(strict=False)]
    value: Annotated[Amount, Field(examples=[10])]
    max_discount: Amount | None = None
    min_order_amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT)] = 0
    total_quantity: Annotated[Quantity, Field(examples=[100])]
    valid_from: Moment
    valid_until: Moment

    @model_validator(mode="after")
    def _means_something(self) -> "RegisterCoupon":
        if self.kind is Kind.RATE and self.value > 100:
            raise PydanticCustomError("rate", "A RATE is 1 to 100 percent.")
        if self.valid_from >= self.valid_until:
            raise PydanticCustomError("validity", "valid_from must be before valid_until.")
        return self
