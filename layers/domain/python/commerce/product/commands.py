"""What one may ask of the product context."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from commerce.shared.schemas import MAX_AMOUNT, Command, Id, Line, Patch, Prose


class Sort(StrEnum):
    """How a list of products is ordered; ties are broken by the id."""

    LATEST = "latest"
    PRICE_ASC = "price_asc"
    LIKES_DESC = "likes_desc"


Name = Annotated[Line, Field(max_length=200, examples=["Anvil"])]
Description = Annotated[Prose, Field(max_length=5000, examples=["It falls down."])]
PriceAmount = Annotated[int, Field(ge=0, le=MAX_AMOUNT, examples=[12000])]


class RegisterProduct(Command):
    """A product to be sold."""

    brand_id: Id
    name: Name
    description: Description = ""
    price_amount: PriceAmount


class EditProduct(Patch):
    """A merge patch: what is absent stays as it is. `version` is the one that was seen."""

    brand_id: Id = ""
    name: Name = ""
    description: Description = ""
    price_amount: PriceAmount = 0
    version: int | None = None

    @property
    def wanted(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True, exclude={"version"})


class SetStock(Command):
    """How many units there are, as somebody has counted them."""

    quantity: Annotated[int, Field(ge=0, le=MAX_AMOUNT, examples=[100])]


class SetStripes(Command):
    """How many rows the stock is dealt out to; null leaves it to how much the product sells."""

    stripes: Annotated[int, Field(ge=1, le=64, examples=[16])] | None


class ListProducts(Command):
    """Which products to list, in which order, from where on."""

    brand_id: str | None = None
    sort: Sort = Sort.LATEST
    limit: int = 20
    cursor: str | None = None
