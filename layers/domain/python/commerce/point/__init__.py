"""Points: users charge them to their accounts, and spend them on orders."""

from commerce.point.commands import ChargePoints
from commerce.point.errors import InsufficientPoints
from commerce.point.events import PointsCharged
from commerce.point.facade import PointFacade
from commerce.point.views import BalanceView, PointsView

__all__ = [
    "BalanceView", "ChargePoints", "InsufficientPoints", "PointFacade", "PointsCharged",
    "PointsView",
]  # fmt: skip
