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


class ChargingClosed(CommerceError):
    """This shop charges no points."""

    kind = Kind.FORBIDDEN
    code = "CHARGING_CLOSED"


class ChargeNotFound(CommerceError):
    """There is no such charge."""

    kind = Kind.NOT_FOUND
    code = "CHARGE_NOT_FOUND"


class NotYourCharge(CommerceError):
    """The charge is somebody else's."""

    kind = Kind.FORBIDDEN
    code = "NOT_YOUR_CHARGE"


class DailyChargeLimitExceeded(CommerceError):
    """A user may charge only so many points a day."""

    kind = Kind.CONFLICT
    code = "DAILY_CHARGE_LIMIT"

    def __init__(self, limit: int, already: int, requested: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"{already} of {limit} points were charged today; charge less, or tomorrow.",
            facts={"limit": limit, "already": already, "requested": requested},
            retry_after_seconds=retry_after_seconds,
        )


class BalanceLimitExceeded(CommerceError):
    """A user may have only so many points."""

    kind = Kind.CONFLICT
    code = "BALANCE_LIMIT"

    def __init__(self, limit: int, already: int, requested: int) -> None:
        super().__init__(
            f"With the {already} points that are there or on their way, it would be more than"
            f" {limit}; spend some first.",
            facts={"limit": limit, "already": already, "requested": requested},
        )
