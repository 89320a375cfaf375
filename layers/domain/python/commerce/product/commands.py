"""What one may ask of the product context."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from commerce.shared.shapes import MAX_AMOUNT, Command, Id, Line, Prose


class Sort(StrEnum):
    """How a list of products is ordered; ties are broken by the id."""

    LATEST = "latest"
    PRICE_ASC = "price_asc"
    LIKES_DESC = "likes_desc"


class RegisterProduct(Command):
    """A product to be sold."""

    brand_id: Id
    name: Annotated[Line, Field(max_length=200, examples=["Anvil"])]
    description: Annotated[Prose, Field(max_length=5000, examples=["It falls down."])] = ""
    price_amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT, examples=[12000])]


class SetStock(Command):
    """How many units there are, as somebody has counted them."""

    quantity: Annotated[int, Field(ge=0, le=MAX_AMOUNT, examples=[100])]


class ListProducts(Command):
    """Which products to list, in which order, from where on."""

    brand_id: str | None = None
    sort: Sort = Sort.LATEST
    limit: int = 20
    cursor: str | None = None
