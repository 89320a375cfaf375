"""The only door to the point context."""

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
    """Users charge points; orders spend them, and give them back when they are cancelled."""

    def __init__(self, points: PointRepository) -> None:
        self._points = points

    def charge(self, command: ChargePoints, *, user_id: UUID) -> BalanceView:
        """Put points on the user's account, which the first charge opens."""
        account = self._points.lock_or_open(user_id)
        amount = Money(command.amount)
        account.charge(amount)
        self._points.credit(_entry(user_id, amount, "CHARGED"), account.events)
        return balance_view(account)

    def balance(self, user_id: UUID) -> PointsView:
        """What the user has, and the newest entries of the ledger."""
        account, entries = self._points.statement(user_id, NEWEST_ENTRIES)
        return points_view(account, entries)

    def spend(self, user_id: UUID, amount: Money, order_id: UUID) -> None:
        """Pay for an order. Raises InsufficientPoints.

        Decided on the account as read; the database proves the decision when it is committed, and
        InsufficientPoints with what is left then is raised if somebody else was faster.
        """
        if amount.amount == 0:
            return
        self._points.find(user_id).spend(amount)
        self._points.debit(
            _entry(user_id, -amount, "ORDER_PLACED", order_id),
            refused=partial(self._shortage, user_id, amount),
        )

    def refund(
        self, user_id: UUID, amount: Money, order_id: UUID, reason: str = "ORDER_CANCELLED"
    ) -> None:
        """Return what an order had spent; it is the order that knows that it does so once."""
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
