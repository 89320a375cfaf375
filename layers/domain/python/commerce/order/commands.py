"""The commands of the order context."""

from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

from commerce.order.events import MAX_TOTAL
from commerce.order.limits import MAX_UNITS_PER_LINE, max_units_per_line
from commerce.order.returns import ReceivedUnits
from commerce.shared.money import Money
from commerce.shared.postal import ShipTo, Unshown
from commerce.shared.schemas import MAX_AMOUNT, Amount, Command, Form, Id, Quantity, Reason, line

MAX_LINES = 50  # spec §3.3
_BY_TELEPHONE = "The carrier confirmed it by telephone"
_KEPT = "Kept in the audit; its buyer does not see it"


class LineUnits(Command):
    """A product, and a number of its units."""

    product_id: Id
    quantity: Quantity


L = TypeVar("L", bound=LineUnits)


class LineWanted(LineUnits):
    """A product and how many of it are ordered."""

    quantity: Annotated[Quantity, Field(json_schema_extra={"maximum": MAX_UNITS_PER_LINE})]

    @field_validator("quantity")
    @classmethod
    def _not_too_many(cls, quantity: int) -> int:
        if quantity > (limit := max_units_per_line()):
            raise PydanticKnownError("less_than_equal", {"le": limit})
        return quantity


def _once(lines: list[L]) -> list[L]:
    if len({line.product_id.lower() for line in lines}) < len(lines):
        raise PydanticCustomError("product_repeated", "A product may be named only once.")
    return lines


class ExpectedTotal(Command):
    """The total that the buyer has agreed to, as an answer showed it."""

    amount: Annotated[int, Field(ge=0, le=MAX_TOTAL, examples=[24000])]
    currency: Annotated[
        str,
        Form("[A-Z]{3}", "Must be a currency's three letters, as in KRW."),
        Field(examples=["KRW"]),
    ]

    @property
    def money(self) -> Money:
        """The agreed amount."""
        return Money(self.amount, self.currency)


class PlaceOrder(Command):
    """Buy products, each named once, perhaps with a coupon; `points` pay a part of a card order.

    With `expected_total` it is placed only if it costs that much after the discount. With
    `drop_entry_id` it is the one unit that a drop has offered. The goods go to `ship_to`, or to the
    address of one's address book that `address_id` names; the order keeps a copy.
    """

    lines: Annotated[list[LineWanted], Field(min_length=1, max_length=MAX_LINES)]
    payment_method: Literal["POINT", "CARD"]
    issued_coupon_id: Id | None = None
    points: Annotated[int, Field(ge=0, le=MAX_AMOUNT)] | None = None
    expected_total: ExpectedTotal | None = None
    drop_entry_id: Id | None = None
    ship_to: ShipTo | None = None
    address_id: Id | None = None

    @field_validator("lines")
    @classmethod
    def _each_product_once(cls, lines: list[LineWanted]) -> list[LineWanted]:
        return _once(lines)

    @field_validator("points")
    @classmethod
    def _points_need_a_card(cls, points: int | None, info: ValidationInfo) -> int | None:
        if points is not None and info.data.get("payment_method") == "POINT":
            raise PydanticCustomError("points_without_card", "Points pay all of it already.")
        return points

    @field_validator("drop_entry_id")
    @classmethod
    def _an_offer_is_one_unit(cls, entry_id: str | None, info: ValidationInfo) -> str | None:
        lines = info.data.get("lines") or []
        if entry_id is not None and [line.quantity for line in lines] not in ([], [1]):
            raise PydanticCustomError("offer_is_one_unit", "A drop offers one unit: one line.")
        return entry_id

    @field_validator("address_id")
    @classmethod
    def _one_address(cls, address_id: str | None, info: ValidationInfo) -> str | None:
        if address_id is not None and info.data.get("ship_to") is not None:
            raise PydanticCustomError("two_addresses", "Send either ship_to or address_id.")
        return address_id


class ShipOrder(Unshown, Command):
    """Mark an order as shipped, by whom and under which number where these are known."""

    carrier: Annotated[str, line(100), Field(examples=["CJ Logistics"])] | None = None
    tracking_number: Annotated[str, line(100), Field(examples=["1234567890"])] | None = None
    reason: Annotated[Reason, Field(examples=[_BY_TELEPHONE], description=_KEPT)] | None = None


class DeliverOrder(Command):
    """Mark an order as delivered."""

    reason: Annotated[Reason, Field(examples=[_BY_TELEPHONE], description=_KEPT)] | None = None


class LineToReturn(LineUnits):
    """Units of a product that go back, and why."""

    reason: Annotated[str, line(200), Field(examples=["Does not fit"])]


class RequestReturn(Command):
    """Send units of a delivered order back."""

    lines: Annotated[list[LineToReturn], Field(min_length=1, max_length=MAX_LINES)]

    @field_validator("lines")
    @classmethod
    def _each_product_once(cls, lines: list[LineToReturn]) -> list[LineToReturn]:
        return _once(lines)

    @property
    def units(self) -> dict[str, tuple[int, str]]:
        """The units to return, with the reason, by product id."""
        return {each.product_id.lower(): (each.quantity, each.reason) for each in self.lines}


class LineReceived(LineUnits):
    """Units of a product that came back; with `restock` they can be sold again."""

    restock: bool


class ReceiveReturn(Command):
    """Take the units in that came back; what is not named did not come."""

    lines: Annotated[list[LineReceived], Field(min_length=1, max_length=MAX_LINES)]

    @field_validator("lines")
    @classmethod
    def _each_product_once(cls, lines: list[LineReceived]) -> list[LineReceived]:
        return _once(lines)

    @property
    def units(self) -> dict[str, ReceivedUnits]:
        """The units that came back by product id."""
        return {
            each.product_id.lower(): ReceivedUnits(each.quantity, each.restock)
            for each in self.lines
        }


class RejectReturn(Command):
    """Refuse a return; its buyer sees why."""

    reason: Annotated[str, line(200), Field(examples=["It was worn"])]


class RefundOrder(Command):
    """Refund a part of what was paid for an order; its history and the audit have the reason."""

    amount: Annotated[Amount, Field(examples=[5000])]
    reason: Annotated[str, line(200), Field(examples=["Apology for a scratch"])]

    @property
    def money(self) -> Money:
        """The amount as money."""
        return Money(self.amount)


class CancelOrder(Command):
    """Cancel an order, or so many units of some of its products; `reason` goes into its history."""

    reason: Annotated[str, line(200), Field(examples=["Ordered by mistake"])] | None = None
    lines: Annotated[list[LineUnits], Field(min_length=1, max_length=MAX_LINES)] | None = None

    @field_validator("lines")
    @classmethod
    def _each_product_once(cls, lines: list[LineUnits] | None) -> list[LineUnits] | None:
        return _once(lines) if lines else lines

    @property
    def units(self) -> dict[str, int] | None:
        """The units to cancel by product id; None for the whole order."""
        if self.lines is None:
            return None
        return {each.product_id.lower(): each.quantity for each in self.lines}


class CancelAnyOrder(CancelOrder):
    """Cancel an order as staff; with `expected_status`, only if it still has that status."""

    expected_status: Literal["PENDING", "CONFIRMED", "SHIPPED"] | None = None
