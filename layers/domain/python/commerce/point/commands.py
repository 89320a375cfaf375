"""What one may ask of the point context."""

from typing import Annotated

from pydantic import Field

from commerce.shared.schemas import MAX_AMOUNT, Command


class ChargePoints(Command):
    """Put points on one's account."""

    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT, examples=[10000])]
