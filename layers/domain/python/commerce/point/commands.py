"""The commands of the point context."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from commerce.shared.money import Money
from commerce.shared.schemas import MAX_AMOUNT, Amount, Command, line


class ChargePoints(Command):
    """Add points to the caller's account."""

    amount: Annotated[Amount, Field(examples=[10000])]

    @property
    def money(self) -> Money:
        """The points as money."""
        return Money(self.amount)


class GrantPoints(Command):
    """Give a user points, or take points that were given in error; the audit has the reason."""

    amount: Annotated[int, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT, examples=[5000])]
    reason: Annotated[str, line(200), Field(examples=["Apology for a late parcel"])]

    @field_validator("amount")
    @classmethod
    def _not_nothing(cls, amount: int) -> int:
        if amount == 0:
            raise PydanticCustomError("amount_is_zero", "Must be more or less than 0.")
        return amount
