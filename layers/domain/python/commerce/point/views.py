"""The views of points."""

from collections.abc import Sequence

from commerce.point.model import LedgerEntry, PointAccount
from commerce.shared.schemas import MoneyView, Timestamp, View, money_view


class BalanceView(View):
    """The balance of an account."""

    balance: MoneyView
    currency: str


class LedgerEntryView(View):
    """One change of an account: positive amounts were added, negative ones were taken."""

    amount: MoneyView
    reason: str
    at: Timestamp


class PointsView(BalanceView):
    """The balance of an account, and its newest entries first."""

    entries: list[LedgerEntryView]


def balance_view(account: PointAccount) -> BalanceView:
    """Make the view of an account's balance."""
    return BalanceView(balance=money_view(account.balance), currency=account.balance.currency)


def points_view(account: PointAccount, entries: Sequence[LedgerEntry]) -> PointsView:
    """Make the view of an account with its newest entries."""
    return PointsView(
        balance=money_view(account.balance),
        currency=account.balance.currency,
        entries=[
            LedgerEntryView(amount=money_view(each.amount), reason=each.reason, at=each.at)
            for each in entries
        ],
    )
