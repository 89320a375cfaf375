"""Point accounts in memory: what a write changes, the next read sees."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from commerce.point.charging import Charged
from commerce.point.model import Charge, ChargeStatus, LedgerEntry, PointAccount
from commerce.point.repository import NEWEST, Place
from commerce.runtime.audit import Change
from commerce.runtime.db.connection import ConstraintViolated, Contention
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared.events import Event
from commerce.shared.money import Money


class MemoryPointRepository:
    """The promises of commerce.point.repository.PointRepository, without a database."""

    def __init__(self) -> None:
        self._accounts: dict[UUID, tuple[Money, int]] = {}
        self._ledger: list[LedgerEntry] = []
        self._charges: dict[UUID, Charge] = {}
        self.events: list[Event] = []
        self.changes: list[Change] = []

    def reads_of_account(self, user_id: UUID) -> Sequence[Query]:
        return ()

    def find(self, user_id: UUID) -> PointAccount:
        if user_id not in self._accounts:
            return PointAccount.empty(user_id)
        return PointAccount(user_id, *self._accounts[user_id])

    def lock_or_open(self, user_id: UUID) -> PointAccount:
        account = self.find(user_id)
        self._accounts[user_id] = account.balance, account.version
        return account

    def statement(
        self, user_id: UUID, limit: int, before: Place = NEWEST
    ) -> tuple[PointAccount, list[LedgerEntry]]:
        entries = [
            entry
            for entry in self._ledger
            if entry.user_id == user_id and (entry.position, entry.id) < before
        ]
        newest = sorted(entries, key=lambda entry: entry.position, reverse=True)
        return self.find(user_id), newest[:limit]

    def record(self, change: Change) -> None:
        self.changes.append(change)

    def add_charge(self, charge: Charge) -> None:
        self._charges[charge.id] = replace(charge)

    def find_charge(self, id_: UUID) -> Charge | None:
        found = self._charges.get(id_)
        return replace(found) if found else None

    def locks_of_charge(self, id_: UUID) -> Sequence[Query]:
        return ()

    def lock_charge(self, id_: UUID) -> Charge | None:
        return self.find_charge(id_)

    def save_charge(self, charge: Charge) -> None:
        if self._charges[charge.id].version != charge.version - 1:
            raise Contention("charge_as_read")
        self._charges[charge.id] = replace(charge)

    def charges_of(self, user_id: UUID, before: UUID, limit: int) -> list[Charge]:
        mine = [each for each in self._charges.values() if each.user_id == user_id]
        older = [replace(each) for each in mine if each.id < before]
        return sorted(older, key=lambda each: each.id, reverse=True)[:limit]

    def pending_of(self, user_id: UUID) -> list[UUID]:
        mine = [each for each in self._charges.values() if each.user_id == user_id]
        return sorted(each.id for each in mine if each.status is ChargeStatus.PENDING)

    def locks_to_charge(self, user_id: UUID, since: datetime) -> Sequence[Query]:
        return ()

    def lock_to_charge(self, user_id: UUID, since: datetime) -> tuple[PointAccount, Charged]:
        counted = [
            each
            for each in self._charges.values()
            if each.user_id == user_id and each.status is not ChargeStatus.FAILED
        ]
        today = sum(each.amount.amount for each in counted if each.requested_at >= since)
        pending = [each for each in counted if each.status is ChargeStatus.PENDING]
        charged = Charged(today, sum(each.amount.amount for each in pending))
        return self.lock_or_open(user_id), charged

    def credit(self, entry: LedgerEntry, events: Sequence[Event] = ()) -> None:
        if entry.user_id not in self._accounts:
            raise ConstraintViolated("point_account_open")
        self._enter(entry)
        self.events += events

    def debit(self, entry: LedgerEntry, *, on_shortage: ErrorFactory) -> None:
        if (self.find(entry.user_id).balance + entry.amount).amount < 0:
            raise on_shortage() or Contention("points_sufficient")
        self._enter(entry)

    def _enter(self, entry: LedgerEntry) -> None:
        balance, version = self._accounts[entry.user_id]
        after, position = balance + entry.amount, version + 1
        self._accounts[entry.user_id] = after, position
        self._ledger.append(replace(entry, position=position, balance_after=after))
