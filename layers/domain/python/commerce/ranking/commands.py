"""Commands of the ranking context."""

from typing import Annotated

from pydantic import Field

from commerce.shared.schemas import Command

Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class SetRankingWeights(Command):
    """The weights of a view, a like and an order, each from 0 to 1."""

    view: Annotated[Weight, Field(examples=[0.1])]
    like: Annotated[Weight, Field(examples=[0.2])]
    order: Annotated[Weight, Field(examples=[0.7])]
