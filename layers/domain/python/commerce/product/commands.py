"""Commands of the product context."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from commerce.shared.schemas import MAX_AMOUNT, Command, Id, Moment, Patch, line, prose


class Sort(StrEnum):
    """The order of a list of products; ties are broken by the id."""

    LATEST = "latest"
    PRICE_ASC = "price_asc"
    LIKES_DESC = "likes_desc"


Name = Annotated[str, line(200), Field(examples=["Anvil"])]
Description = Annotated[str, prose(5000), Field(examples=["It falls down."])]
PriceAmount = Annotated[int, Field(ge=0, le=MAX_AMOUNT, examples=[12000])]


Units = Annotated[int, Field(ge=0, le=MAX_AMOUNT, examples=[100])]
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
    """A count of the shelf (`on_hand`), or the number of units to be available (`quantity`).

    `expected_on_hand` is the number on hand that the counter has seen before.
    """

    on_hand: Units | None = None
    expected_on_hand: Units | None = None
    quantity: Units | None = None

    @model_validator(mode="after")
    def _is_one_number(self) -> "SetStock":
        if (self.on_hand is None) == (self.quantity is None):
            raise PydanticCustomError("stock", "Send either on_hand or quantity.")
        if self.expected_on_hand is not None and self.on_hand is None:
            raise PydanticCustomError("stock", "Send expected_on_hand with on_hand only.")
        return self


def _not_zero(delta: int) -> int:
    if delta == 0:
        raise PydanticCustomError("zero", "Must not be 0.")
    return delta


_NOT_ZERO = AfterValidator(_not_zero)


class AdjustStock(Command):
    """Units that have come into the building, or have left it other than by a shipment."""

    delta: Annotated[int, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT, examples=[-2]), _NOT_ZERO]
    reason: Literal["RECEIVED", "DAMAGED", "LOST", "FOUND", "RETURNED", "CORRECTION"]
    note: Annotated[str, line(200), Field(examples=["Dropped by the forklift"])] | None = None


class ListProducts(Command):
    """A page of the products, of one brand or of all."""

    brand_id: str | None = None
    sort: Sort = Sort.LATEST
    limit: int = 20
    cursor: str | None = None
