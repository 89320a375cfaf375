"""Points: users charge them to their accounts, and spend them on orders."""

from commerce.point.charging import Charging
from commerce.point.commands import ChargePoints, GrantPoints
from commerce.point.errors import (
    BalanceLimitExceeded,
    ChargeNotFound,
    ChargingClosed,
    DailyChargeLimitExceeded,
    InsufficientPoints,
    NotYourCharge,
)
from commerce.point.events import PointsCharged, PointsGranted
from commerce.point.facade import PointFacade
from commerce.point.views import BalanceView, ChargeView, LedgerEntryView, PointsView

__all__ = [
    "BalanceLimitExceeded", "BalanceView", "ChargeNotFound", "ChargePoints", "ChargeView",
    "Charging", "ChargingClosed", "DailyChargeLimitExceeded", "GrantPoints", "InsufficientPoints",
    "LedgerEntryView", "NotYourCharge", "PointFacade", "PointsCharged", "PointsGranted",
    "PointsView",
]  # fmt: skip
