"""The commands of the drop context."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from commerce.drop.model import Mode
from commerce.shared.schemas import Command, Id, Moment, Patch, Quantity, line

MAX_LOTS = 20
MAX_CLAIM_MINUTES = 1_440


class PublicState(StrEnum):
    """The states that a list of drops can be narrowed to."""

    SCHEDULED = "SCHEDULED"
    ENTRIES = "ENTRIES"
    SEALED = "SEALED"
    OFFERING = "OFFERING"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class LotWanted(Command):
    """A product and how many of its units the drop sells."""

    product_id: Id
    units: Quantity


def _each_product_once(lots: list[LotWanted]) -> list[LotWanted]:
    if len({lot.product_id.lower() for lot in lots}) < len(lots):
        raise PydanticCustomError("product_repeated", "A product may be named only once.")
    return lots


LotsWanted = Annotated[
    list[LotWanted],
    Field(min_length=1, max_length=MAX_LOTS),
    AfterValidator(_each_product_once),
]
ClaimMinutes = Annotated[int, Field(ge=1, le=MAX_CLAIM_MINUTES)]


class CreateDrop(Command):
    """Prepare a drop. `offers_until` is seven days after `draws_at` where it is not given."""

    lots: LotsWanted
    mode: Annotated[Mode, Field(strict=False)] = Mode.SHUFFLE
    entries_at: Moment
    draws_at: Moment
    offers_until: Moment | None = None
    claim_minutes: ClaimMinutes
    accounts_before: Moment | None = None
    verified_only: bool | None = None
    coupons_allowed: bool = False

    @model_validator(mode="after")
    def _moments_in_order(self) -> "CreateDrop":
        until = self.offers_until
        if self.entries_at >= self.draws_at or (until is not None and until <= self.draws_at):
            raise PydanticCustomError(
                "moments_out_of_order", "entries_at, draws_at and offers_until must be in order."
            )
        return self


class EditDrop(Patch):
    """Edit a draft; once published, only its times can be moved, to later ones."""

    lots: LotsWanted | None = None
    mode: Annotated[Mode, Field(strict=False)] | None = None
    entries_at: Moment | None = None
    draws_at: Moment | None = None
    offers_until: Moment | None = None
    claim_minutes: ClaimMinutes | None = None
    accounts_before: Moment | None = None
    verified_only: bool | None = None
    coupons_allowed: bool | None = None


class EnterDrop(Command):
    """Enter a drop; `product_id` names the lot where the drop has several."""

    product_id: Id | None = None


class AddUnits(Command):
    """Add units of a product to a drop."""

    product_id: Id | None = None
    add: Quantity


class CancelDrop(Command):
    """Cancel a drop; the reason is public."""

    reason: Annotated[str, line(200), Field(examples=["The shipment was damaged"])]


class Disqualify(Command):
    """Disqualify an entry before the seal, by a rule that is public."""

    entry_id: Id
    rule: Annotated[str, line(200), Field(examples=["One entry per household"])]
