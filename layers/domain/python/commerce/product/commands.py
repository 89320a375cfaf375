"""Commands of the product context."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from commerce.shared.schemas import MAX_AMOUNT, Command, Id, Moment, Patch, line, prose


class Sort(StrEnum):
    """The order of a list of products; ties are broken by the id."""

    LATEST = "latest"
    PRICE_ASC = "price_asc"
    LIKES_DESC = "likes_desc"


Name = Annotated[str, line(200), Field(examples=["Anvil"])]
Description = Annotated[str, prose(5000), Field(examples=["It falls down."])]
PriceAmount = Annotated[int, Field(ge=0, le=MAX_AMOUNT, examples=[12000])]


MaxPerBuyer = Annotated[int, Field(ge=1, le=MAX_AMOUNT, examples=[2])]
HoldMinutes = Annotated[int, Field(ge=1, le=60, examples=[10])]  # spec §3.4


class RegisterProduct(Command):
    """A product to be sold, with the terms of its sale.

    Without `visible_from` it is shown at once; with null it is a draft.
    """

    brand_id: Id
    name: Name
    description: Description = ""
    price_amount: PriceAmount
    visible_from: Moment | None = None
    sale_from: Moment | None = None
    sale_until: Moment | None = None
    max_per_buyer: MaxPerBuyer | None = None
    hold_minutes: HoldMinutes | None = None


class EditProduct(Patch):
    """A merge patch: absent fields stay as they are, null removes a term of sale.

    Without a `visible_from` the product is a draft.
    `version` is the one that was seen.
    """

    brand_id: Id = ""
    name: Name = ""
    description: Description = ""
    price_amount: PriceAmount = 0
    visible_from: Moment | None = None
    sale_from: Moment | None = None
    sale_until: Moment | None = None
    max_per_buyer: MaxPerBuyer | None = None
    hold_minutes: HoldMinutes | None = None
    version: int | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True, exclude={"version"})


class SetStock(Command):
    """The number of units there are, as somebody has counted them."""

    quantity: Annotated[int, Field(ge=0, le=MAX_AMOUNT, examples=[100])]


class ListProducts(Command):
    """A page of the products, of one brand or of all."""

    brand_id: str | None = None
    sort: Sort = Sort.LATEST
    limit: int = 20
    cursor: str | None = None
