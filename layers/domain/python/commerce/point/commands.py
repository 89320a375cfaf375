"""The commands of the point context."""

from typing import Annotated

from pydantic import Field

from commerce.shared.schemas import MAX_AMOUNT, Command


class ChargePoints(Command):
    """Add points to the caller's account."""

    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT, examples=[10000])]
