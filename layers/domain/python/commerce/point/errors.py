"""The errors of the point context."""

from commerce.shared.errors import CommerceError, Kind
from commerce.shared.money import Money


class InsufficientPoints(CommerceError):
    """There are not enough points."""

    kind = Kind.CONFLICT
    code = "INSUFFICIENT_POINTS"

    def __init__(self, *, required: Money, available: Money) -> None:
        super().__init__(
            f"{required.amount} points are required, {available.amount} are available;"
            " charge points first.",
            errors=[{"required": required.amount, "available": available.amount}],
        )
