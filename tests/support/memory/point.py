"""Point accounts in memory: what a write changes, the next read sees."""

from collections.abc import Sequence
from uuid import UUID

from commerce.point.model import LedgerEntry, PointAccount
from commerce.runtime.db.connection import ConstraintViolated, Contention
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared.events import Event
from commerce.shared.money import Money


class MemoryPointRepository:
    """The promises of commerce.point.repository.PointRepository, without a database."""

    def __init__(self) -> None:
        self._accounts: dict[UUID, tuple[Money, int]] = {}
        self._ledger: list[LedgerEntry] = []
        self.events: list[Event] = []

    def find(self, user_id: UUID) -> PointAccount:
        if user_id not in self._accounts:
            return PointAccount.empty(user_id)
        return PointAccount(user_id, *self._accounts[user_id])

    def lock_or_open(self, user_id: UUID) -> PointAccount:
        account = self.find(user_id)
        self._accounts[user_id] = account.balance, account.version
        return account

    def statement(self, user_id: UUID, limit: int) -> tuple[PointAccount, list[LedgerEntry]]:
        entries = [entry for entry in self._ledger if entry.user_id == user_id]
        newest = sorted(entries, key=lambda entry: entry.id, reverse=True)
        return self.find(user_id), newest[:limit]

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
        self._accounts[entry.user_id] = balance + entry.amount, version + 1
        self._ledger.append(entry)
