"""The views of points."""

from collections.abc import Iterable, Iterator
from typing import Annotated

from commerce.point.model import Charge, ChargeStatus, LedgerEntry, PointAccount
from commerce.shared.money import Money
from commerce.shared.schemas import MoneyView, Timestamp, View, money_view, one_of


class BalanceView(View):
    """The balance of an account."""

    balance: MoneyView
    currency: str


class LedgerEntryView(View):
    """One change of an account: positive amounts were added, negative ones were taken."""

    amount: MoneyView
    reason: str
    at: Timestamp
    order_id: str | None
    charge_id: str | None
    balance_after: MoneyView


class PointsView(BalanceView):
    """The balance of an account, and its newest entries first."""

    entries: list[LedgerEntryView]


class MadeChargeView(View):
    """A charge as it is kept."""

    charge_id: str
    status: Annotated[str, one_of(ChargeStatus)]
    amount: MoneyView
    requested_at: Timestamp


class ChargeView(View):
    """A charge, and the balance at the moment of the answer."""

    charge_id: str
    status: Annotated[str, one_of(ChargeStatus)]
    amount: MoneyView
    balance: MoneyView


def balance_view(account: PointAccount) -> BalanceView:
    """Make the view of an account's balance."""
    return BalanceView(balance=money_view(account.balance), currency=account.balance.currency)


def points_view(account: PointAccount, entries: Iterable[LedgerEntry]) -> PointsView:
    """Make the view of an account with its newest entries."""
    return PointsView(
        balance=money_view(account.balance),
        currency=account.balance.currency,
        entries=[entry_view(*each) for each in with_balances(entries, account.balance)],
    )


def made_charge_view(charge: Charge) -> MadeChargeView:
    """Make the view of a charge without its balance."""
    return MadeChargeView(
        charge_id=str(charge.id),
        status=charge.status.value,
        amount=money_view(charge.amount),
        requested_at=charge.requested_at,
    )


def charge_view(charge: Charge, balance: Money) -> ChargeView:
    """Make the view of a charge."""
    return ChargeView(
        charge_id=str(charge.id),
        status=charge.status.value,
        amount=money_view(charge.amount),
        balance=money_view(balance),
    )


def with_balances(
    newest: Iterable[LedgerEntry], balance: Money
) -> Iterator[tuple[LedgerEntry, Money]]:
    """Yield each entry with the balance that it led to, the newest first.

    `balance` is the one after the first entry. It counts for entries that have none of their own,
    which are older than all others.
    """
    for entry in newest:
        balance = entry.balance_after or balance
        yield entry, balance
        balance -= entry.amount


def entry_view(entry: LedgerEntry, balance_after: Money) -> LedgerEntryView:
    """Make the view of a ledger's entry."""
    return LedgerEntryView(
        amount=money_view(entry.amount),
        reason=entry.reason,
        at=entry.at,
        order_id=str(entry.order_id) if entry.order_id else None,
        charge_id=str(entry.charge_id) if entry.charge_id else None,
        balance_after=money_view(balance_after),
    )
