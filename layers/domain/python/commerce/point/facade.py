"""The use cases of the point context."""

from functools import partial
from uuid import UUID

from commerce.point.commands import ChargePoints
from commerce.point.errors import InsufficientPoints
from commerce.point.model import LedgerEntry
from commerce.point.repository import PointRepository
from commerce.point.views import BalanceView, PointsView, balance_view, points_view
from commerce.shared import clock
from commerce.shared.money import Money

NEWEST_ENTRIES = 20


class PointFacade:
    """Users charge points; orders spend them, and return them when they are cancelled."""

    def __init__(self, points: PointRepository) -> None:
        self._points = points

    def charge(self, command: ChargePoints, *, user_id: UUID) -> BalanceView:
        """Add points to the user's account, which the first charge opens."""
        account = self._points.lock_or_open(user_id)
        amount = Money(command.amount)
        account.charge(amount)
        self._points.credit(_entry(user_id, amount, "CHARGED"), account.events)
        return balance_view(account)

    def balance(self, user_id: UUID) -> PointsView:
        """Return the user's balance and the newest entries of the ledger."""
        account, entries = self._points.statement(user_id, NEWEST_ENTRIES)
        return points_view(account, entries)

    def spend(self, user_id: UUID, amount: Money, order_id: UUID) -> None:
        """Pay for an order with points.

        It is decided on the balance as read; the database checks the decision on commit. Raises
        InsufficientPoints with the balance that was found, perhaps only on commit.
        """
        if amount.amount == 0:
            return
        self._points.find(user_id).spend(amount)
        self._points.debit(
            _entry(user_id, -amount, "ORDER_PLACED", order_id),
            on_shortage=partial(self._shortage, user_id, amount),
        )

    def refund(
        self, user_id: UUID, amount: Money, order_id: UUID, reason: str = "ORDER_CANCELLED"
    ) -> None:
        """Refund the points that an order spent. Not idempotent: call it once per order."""
        if amount.amount > 0:
            self._points.credit(_entry(user_id, amount, reason, order_id))

    def _shortage(self, user_id: UUID, amount: Money) -> InsufficientPoints | None:
        try:
            self._points.find(user_id).spend(amount)
        except InsufficientPoints as refused:
            return refused
        return None


def _entry(user_id: UUID, amount: Money, reason: str, order_id: UUID | None = None) -> LedgerEntry:
    return LedgerEntry(
        id=clock.new_id(),
        user_id=user_id,
        amount=amount,
        reason=reason,
        order_id=order_id,
        at=clock.now(),
    )
