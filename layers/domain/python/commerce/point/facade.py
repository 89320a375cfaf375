"""The use cases of the point context."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from commerce.point.charging import ChargeLimits
from commerce.point.commands import ChargePoints, GrantPoints
from commerce.point.errors import (
    BalanceLimitExceeded,
    ChargeNotFound,
    InsufficientPoints,
    NotYourCharge,
)
from commerce.point.model import Charge, ChargeStatus, LedgerEntry, PointAccount
from commerce.point.repository import NEWEST, PointRepository
from commerce.point.views import (
    BalanceView,
    ChargeView,
    LedgerEntryView,
    MadeChargeView,
    PointsView,
    balance_view,
    charge_view,
    entry_view,
    made_charge_view,
    points_view,
    with_balances,
)
from commerce.runtime.audit import Change
from commerce.runtime.business_time import begin_of_day
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock, cursor
from commerce.shared.money import Money
from commerce.shared.pagination import newest_first, page_of
from commerce.shared.schemas import Page

NEWEST_ENTRIES = 20


class PointFacade:
    """Users charge points; orders spend them, and return them when they are cancelled."""

    def __init__(self, points: PointRepository) -> None:
        self._points = points

    def charge(self, command: ChargePoints, *, user_id: UUID) -> ChargeView:
        """Add points to the user's account, which the first charge opens.

        Raises DailyChargeLimitExceeded, BalanceLimitExceeded.
        """
        account, charge = self._new_charge(command, user_id)
        charge.status = ChargeStatus.CREDITED
        self._points.add_charge(charge)
        self._credit(account, charge)
        return charge_view(charge, account.balance)

    def locks_to_charge(self, user_id: UUID) -> Sequence[Query]:
        """Return what `charge` and `request_charge` will lock and read."""
        return self._points.locks_to_charge(user_id, begin_of_day(clock.now()))

    def request_charge(self, command: ChargePoints, *, user_id: UUID) -> ChargeView:
        """Begin a charge, which is credited once it is paid.

        Raises DailyChargeLimitExceeded, BalanceLimitExceeded.
        """
        account, charge = self._new_charge(command, user_id)
        self._points.add_charge(charge)
        return charge_view(charge, account.balance)

    def credit_charge(self, charge_id: UUID) -> bool:
        """Credit a charge that is paid; return False if it cannot be, and its payment is in vain.

        It fails then: the balance would exceed its limit by now, or the charge has ended before.
        """
        charge = self._points.lock_charge(charge_id)
        if charge is None or charge.status is not ChargeStatus.PENDING:
            return False
        account = self._points.lock_or_open(charge.user_id)
        try:
            ChargeLimits.from_settings().require_balance(charge.amount, account.balance)
        except BalanceLimitExceeded:
            self._end(charge, ChargeStatus.FAILED)
            return False
        self._end(charge, ChargeStatus.CREDITED)
        self._credit(account, charge)
        return True

    def fail_charge(self, charge_id: UUID) -> None:
        """End a charge that was not paid; one that has ended stays as it is."""
        charge = self._points.lock_charge(charge_id)
        if charge is not None:
            self._end(charge, ChargeStatus.FAILED)

    def locks_of_charge(self, charge_id: UUID) -> Sequence[Query]:
        """Return what `awaits_payment` will lock."""
        return self._points.locks_of_charge(charge_id)

    def awaits_payment(self, charge_id: UUID) -> bool:
        """Return whether a charge is still to be paid, and lock it until the transaction ends."""
        charge = self._points.lock_charge(charge_id)
        return charge is not None and charge.status is ChargeStatus.PENDING

    def find_charge(self, charge_id: str, *, user_id: UUID) -> ChargeView:
        """Return one of the user's charges. Raises ChargeNotFound, NotYourCharge."""
        id_ = cursor.parse_id(charge_id)
        charge = self._points.find_charge(id_) if id_ else None
        if charge is None:
            raise ChargeNotFound
        if charge.user_id != user_id:
            raise NotYourCharge
        return charge_view(charge, self._points.find(user_id).balance)

    def grant(self, command: GrantPoints, *, user_id: UUID, by: str) -> BalanceView:
        """Give a user points, or take them where the amount is negative.

        The limits of charges do not count here. Raises InsufficientPoints.
        """
        account = self._points.lock_or_open(user_id)
        before, amount = account.balance, Money(command.amount)
        account.grant(amount)
        reason = "GRANTED" if command.amount > 0 else "CORRECTED"
        self._points.credit(_entry(user_id, amount, reason), account.events)
        facts = {"balance": account.balance, "amount": amount, "reason": command.reason}
        self._points.record(Change(by, "GRANT_POINTS", user_id, {"balance": before}, facts))
        return balance_view(account)

    def balance(self, user_id: UUID) -> PointsView:
        """Return the user's balance and the newest entries of the ledger."""
        account, entries = self._points.statement(user_id, NEWEST_ENTRIES)
        return points_view(account, entries)

    def entries(self, user_id: UUID, *, limit: int, after: str | None) -> Page[LedgerEntryView]:
        """Return a page of the user's ledger, newest first, each entry with its balance.

        Raises InvalidCursor.
        """
        listing = f"points:{user_id}"
        # A cursor carries the balance before its last entry, for entries that have none.
        position, id_, rest = (
            cursor.decode(listing, after, [int, UUID, int]) if after else [*NEWEST, 0]
        )
        before = int(str(position)), UUID(str(id_))
        account, found = self._points.statement(user_id, limit + 1, before)
        balance = Money(int(str(rest))) if after else account.balance
        shown = list(with_balances(found, balance))
        return page_of(listing, shown, limit, _place, lambda each: entry_view(*each))

    def charges(self, user_id: UUID, *, limit: int, after: str | None) -> Page[MadeChargeView]:
        """Return a page of the user's charges, newest first. Raises InvalidCursor."""
        read = partial(self._points.charges_of, user_id)
        return newest_first(f"charges:{user_id}", after, limit, read, made_charge_view)

    def pending_of(self, user_id: UUID) -> Sequence[UUID]:
        """Return the user's charges that are yet to be paid."""
        return self._points.pending_of(user_id)

    def reads_of_spending(self, user_id: UUID) -> Sequence[Query]:
        """Return what `spend` will read."""
        return self._points.reads_of_account(user_id)

    def spend(self, user_id: UUID, amount: Money, order_id: UUID) -> None:
        """Pay for an order with points.

        It is decided on the balance as read; the database checks the decision on commit. Raises
        InsufficientPoints with the balance that was found, perhaps only on commit.
        """
        if amount.amount == 0:
            return
        self._points.find(user_id).spend(amount)
        self._points.debit(
            _entry(user_id, -amount, "ORDER_PLACED", order_id=order_id),
            on_shortage=partial(self._shortage, user_id, amount),
        )

    def refund(
        self,
        user_id: UUID,
        amount: Money,
        order_id: UUID,
        refund_id: UUID,
        reason: str = "ORDER_CANCELLED",
    ) -> None:
        """Refund points that an order spent, once: `refund_id` becomes the ledger entry's id."""
        if amount.amount > 0:
            entry = _entry(user_id, amount, reason, order_id=order_id)
            self._points.credit(replace(entry, id=refund_id))

    def _new_charge(self, command: ChargePoints, user_id: UUID) -> tuple[PointAccount, Charge]:
        # The account's lock is held while the user's charges are counted.
        now = clock.now()
        charge = Charge(
            id=clock.new_id(), user_id=user_id, amount=Money(command.amount), requested_at=now
        )
        account, charged = self._points.lock_to_charge(user_id, begin_of_day(now))
        ChargeLimits.from_settings().require(charge.amount, account.balance, charged)
        return account, charge

    def _credit(self, account: PointAccount, charge: Charge) -> None:
        account.charge(charge.amount)
        entry = _entry(charge.user_id, charge.amount, "CHARGED", charge_id=charge.id)
        self._points.credit(entry, account.events)

    def _end(self, charge: Charge, status: ChargeStatus) -> None:
        if charge.end(status):
            self._points.save_charge(charge)

    def _shortage(self, user_id: UUID, amount: Money) -> InsufficientPoints | None:
        try:
            self._points.find(user_id).spend(amount)
        except InsufficientPoints as refused:
            return refused
        return None


def _place(last: tuple[LedgerEntry, Money]) -> cursor.Position:
    entry, balance = last
    return [entry.position, str(entry.id), (balance - entry.amount).amount]


def _entry(
    user_id: UUID,
    amount: Money,
    reason: str,
    *,
    order_id: UUID | None = None,
    charge_id: UUID | None = None,
) -> LedgerEntry:
    return LedgerEntry(
        id=clock.new_id(),
        user_id=user_id,
        amount=amount,
        reason=reason,
        order_id=order_id,
        charge_id=charge_id,
        at=clock.now(),
    )
