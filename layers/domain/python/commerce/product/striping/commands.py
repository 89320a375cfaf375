"""Commands of stock striping."""

from typing import Annotated

from pydantic import Field

from commerce.shared.schemas import Command


class SetStripes(Command):
    """The rows that the stock is dealt out to; null leaves it to how much the product sells."""

    stripes: Annotated[int, Field(ge=1, le=64, examples=[16])] | None
