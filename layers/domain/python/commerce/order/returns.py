"""Returns: units of a delivered order that its buyer sends back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from commerce.order.errors import ReturnNotPossible
from commerce.runtime import settings

RETURN_DAYS = 30  # spec §4: so long after its delivery an order may be returned


def return_window() -> timedelta:
    """Return how long after its delivery an order's units may be returned."""
    return timedelta(days=settings.number("RETURN_DAYS", RETURN_DAYS))


class ReturnStatus(StrEnum):
    """The states of a return; all but REQUESTED are final."""

    REQUESTED = "REQUESTED"
    RECEIVED = "RECEIVED"
    WITHDRAWN = "WITHDRAWN"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class ReturnLine:
    """Units of one line that are to go back, and those of them that did."""

    product_id: UUID
    product_name: str
    quantity: int
    reason: str
    received_quantity: int = 0
    restocked_quantity: int = 0


@dataclass(frozen=True, slots=True)
class ReceivedUnits:
    """Units of a product that arrived; `restock` says whether they can be sold again."""

    quantity: int
    restock: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A buyer's wish to send units back, and what became of it. `refund_id` is its refund's."""

    id: UUID
    status: ReturnStatus
    lines: tuple[ReturnLine, ...]
    requested_at: datetime
    ended_at: datetime | None = None
    rejection_reason: str | None = None
    refund_id: UUID | None = None

    @property
    def is_open(self) -> bool:
        """True until the goods are received, or the return is withdrawn or rejected."""
        return self.status is ReturnStatus.REQUESTED

    def ended(self, status: ReturnStatus, *, at: datetime, reason: str | None = None) -> "Return":
        """Return it in a final state. Raises ReturnNotPossible."""
        if not self.is_open:
            raise ReturnNotPossible(f"The return is {self.status} already.")
        return replace(self, status=status, ended_at=at, rejection_reason=reason)

    def received(self, units: Mapping[str, ReceivedUnits], *, at: datetime) -> "Return":
        """Return it with the units that arrived, by product id. Raises ReturnNotPossible."""
        ended = self.ended(ReturnStatus.RECEIVED, at=at)
        require_units(
            {id_: each.quantity for id_, each in units.items()},
            {str(line.product_id): line.quantity for line in self.lines},
            "More was received than was to be returned",
        )
        return replace(ended, lines=tuple(_received(line, units) for line in self.lines))


def open_units(returns: Sequence[Return], product_id: UUID) -> int:
    """Return the units of a product that are on their way back."""
    return sum(
        line.quantity
        for each in returns
        if each.is_open
        for line in each.lines
        if line.product_id == product_id
    )


def require_units(wanted: Mapping[str, int], left: Mapping[str, int], what: str) -> None:
    """Require that no more is wanted of a product than is left. Raises ReturnNotPossible."""
    over = [
        {"product_id": id_, "requested": units, "left": left.get(id_, 0)}
        for id_, units in wanted.items()
        if units > left.get(id_, 0)
    ]
    if over:
        raise ReturnNotPossible(f"{what}; `errors` names each product with what is left.", over)


def _received(line: ReturnLine, units: Mapping[str, ReceivedUnits]) -> ReturnLine:
    found = units.get(str(line.product_id))
    if found is None:
        return line
    return replace(
        line,
        received_quantity=found.quantity,
        restocked_quantity=found.quantity if found.restock else 0,
    )
