"""The reconciler: reads the books chunk by chunk and collects the rows that break a rule."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from commerce.app.reconciliation.views import Finding, Reconciliation, Scope
from commerce.runtime.db.connection import Database
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import Statement, precompiled
from commerce.shared import clock

if TYPE_CHECKING:
    from commerce.app.reconciliation import statements as sql
else:
    sql = precompiled("commerce.app.reconciliation.statements")

CHUNK = 500  # ids per statement: memory stays flat, and no statement nears its time-out
DROPS_CHUNK = 20  # a drop may have 100,000 entries
MAX_FINDINGS = 1000
MAX_CHANGED = 50_000  # ids of a book that are held at once
FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Book:
    """A kind of thing that is checked: its rules, and the fact that names it in their findings."""

    fact: str
    next_ids: Statement
    rules: Mapping[str, Statement]
    chunk: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Checked ids of a book, of which `last` is the last one, and what was found of them."""

    last: UUID
    count: int
    findings: list[Finding]


def books() -> dict[str, Book]:
    """Return the books by their names, in the order in which they are checked."""
    return {
        "products": Book("product_id", sql.NEXT_PRODUCTS, sql.PRODUCT_RULES, CHUNK),
        "accounts": Book("user_id", sql.NEXT_ACCOUNTS, sql.ACCOUNT_RULES, CHUNK),
        "orders": Book("order_id", sql.NEXT_ORDERS, sql.ORDER_RULES, CHUNK),
        "coupons": Book("coupon_id", sql.NEXT_COUPONS, sql.COUPON_RULES, CHUNK),
        "drops": Book("drop_id", sql.NEXT_DROPS, sql.DROP_RULES, DROPS_CHUNK),
    }


class Reconciler:
    """Proves that every unit, point and coupon is accounted for, while orders go on. Only reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def run(
        self, scope: Scope | None = None, progress: Callable[[str, int], None] | None = None
    ) -> Reconciliation:
        """Check all books, or those of the scope; ends early at MAX_FINDINGS.

        `progress` is called with the name of a book and the number of its ids checked so far.
        """
        ids = scope.by_book() if scope else {}
        findings: list[Finding] = []
        checked = dict.fromkeys(books(), 0)
        for name in checked:
            for chunk in self.chunks(name, ids.get(name)):
                findings += chunk.findings
                checked[name] += chunk.count
                if progress is not None:
                    progress(name, checked[name])
                if len(findings) >= MAX_FINDINGS:
                    return Reconciliation(findings=findings, is_complete=False, **checked)
        return Reconciliation(findings=findings, is_complete=True, **checked)

    def chunks(
        self, name: str, ids: Collection[UUID] | None = None, after: UUID = FIRST
    ) -> Iterator[Chunk]:
        """Check a book, all ids after `after` or the given ones, and yield each chunk's outcome."""
        book = books()[name]
        for some in self._ids(book, ids, after):
            yield Chunk(some[-1], len(some), list(self._broken(book.rules, some)))

    def changed(self, name: str, *, since: datetime, transactions: int) -> set[UUID]:
        """Return the ids of a book of which something changed, MAX_CHANGED at most.

        Args:
            name: the book's.
            since: of what is found by its id or its event: the moment from which on.
            transactions: of balances: how many transactions back.
        """
        query = sql.CHANGED[name](
            since_id=clock.first_id_at(since),
            since=since,
            transactions=transactions,
            limit=MAX_CHANGED,
        )
        return {row.id for row in self._read(query)}

    def _ids(self, book: Book, ids: Collection[UUID] | None, after: UUID) -> Iterator[list[UUID]]:
        if ids is not None:
            every = sorted(set(ids))
            yield from (every[at : at + book.chunk] for at in range(0, len(every), book.chunk))
            return
        last = after
        while chunk := [row.id for row in self._read(book.next_ids(after=last, limit=book.chunk))]:
            yield chunk
            last = chunk[-1]

    def _broken(self, rules: Mapping[str, Statement], ids: list[UUID]) -> Iterator[Finding]:
        for rule, statement in rules.items():
            for row in self._read(statement(ids=ids)):
                facts = {name: _plain(value) for name, value in row._asdict().items()}
                yield Finding(rule=rule, facts=facts)

    def _read(self, query: Query) -> list[Any]:
        return self._database.run([query])[0]


def reconcile(
    scope: Scope | None = None, progress: Callable[[str, int], None] | None = None
) -> Reconciliation:
    """Check the books of the current database; see Reconciler.run."""
    return Reconciler(database()).run(scope, progress)


def _plain(value: Any) -> str | int | None:
    return str(value) if isinstance(value, UUID) else value
