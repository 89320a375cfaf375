"""The way in which points are charged, and its limits: spec §6."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from commerce.point.errors import BalanceLimitExceeded, DailyChargeLimitExceeded
from commerce.runtime import settings
from commerce.runtime.business_time import begin_of_day
from commerce.shared import clock
from commerce.shared.money import Money


class Charging(StrEnum):
    """The ways to charge points."""

    FREE = "FREE"
    CARD = "CARD"
    CLOSED = "CLOSED"

    @classmethod
    def from_settings(cls) -> "Charging":
        """Read POINT_CHARGING; where it is empty, CARD in production and FREE elsewhere."""
        default = cls.CARD if settings.is_production() else cls.FREE
        return cls(settings.text("POINT_CHARGING", default))


@dataclass(frozen=True, slots=True)
class Charged:
    """The points that a user charged on this business day, and those that they have yet to pay."""

    today: int
    pending: int


@dataclass(frozen=True, slots=True)
class ChargeLimits:
    """The points that a user may charge in a business day and may have; 0 is no limit."""

    daily: int
    balance: int

    @classmethod
    def from_settings(cls) -> "ChargeLimits":
        """Read POINTS_CHARGED_PER_DAY and MAX_POINT_BALANCE from the environment."""
        return cls(
            settings.number("POINTS_CHARGED_PER_DAY", 0), settings.number("MAX_POINT_BALANCE", 0)
        )

    def require(self, amount: Money, balance: Money, charged: Charged) -> None:
        """Require that a new charge stays within both, were all pending charges credited.

        Raises DailyChargeLimitExceeded, BalanceLimitExceeded.
        """
        if self.daily and charged.today + amount.amount > self.daily:
            tomorrow = begin_of_day(clock.now() + timedelta(days=1))
            wait = (tomorrow - clock.now()).total_seconds()
            raise DailyChargeLimitExceeded(self.daily, charged.today, amount.amount, int(wait) + 1)
        self.require_balance(amount, balance + Money(charged.pending, balance.currency))

    def require_balance(self, amount: Money, balance: Money) -> None:
        """Require that the balance may grow by the amount. Raises BalanceLimitExceeded."""
        if self.balance and (balance + amount).amount > self.balance:
            raise BalanceLimitExceeded(self.balance, balance.amount, amount.amount)
