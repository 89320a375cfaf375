"""Walks through the books, a chunk at a time, and collects what does not hold."""

from collections.abc import Callable, Collection, Iterator
from typing import Any
from uuid import UUID

from commerce.app.reconciliation.rules import ACCOUNTS, COUPONS, ORDERS, PRODUCTS, Book
from commerce.app.reconciliation.views import Finding, Reconciliation, Scope
from commerce.runtime.db.connection import Database
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query

CHUNK = 500  # ids per statement: memory stays flat, and no statement nears its time-out
MAX_FINDINGS = 1000  # whoever has more does not read them one by one

_FIRST = UUID(int=0)


class Reconciler:
    """Proves that every unit, point and coupon is accounted for. Reads only, while orders go on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def run(
        self, scope: Scope | None = None, progress: Callable[[str, int], None] | None = None
    ) -> Reconciliation:
        """Look at all books, or at those of `scope`; `progress` hears which, and how many so far.

        Ends early at MAX_FINDINGS.
        """
        asked = {
            "products": (PRODUCTS, scope.products if scope else None),
            "accounts": (ACCOUNTS, scope.users if scope else None),
            "orders": (ORDERS, scope.orders if scope else None),
            "coupons": (COUPONS, scope.coupons if scope else None),
        }
        findings: list[Finding] = []
        seen = dict.fromkeys(asked, 0)
        for name, (book, ids) in asked.items():
            for chunk in self._chunks(book, ids):
                findings += self._broken(book, chunk)
                seen[name] += len(chunk)
                if progress is not None:
                    progress(name, seen[name])
                if len(findings) >= MAX_FINDINGS:
                    return Reconciliation(findings=findings, is_complete=False, **seen)
        return Reconciliation(findings=findings, is_complete=True, **seen)

    def _chunks(self, book: Book, ids: Collection[UUID] | None) -> Iterator[list[UUID]]:
        if ids is not None:
            every = sorted(set(ids))
            yield from (every[at : at + CHUNK] for at in range(0, len(every), CHUNK))
            return
        last = _FIRST
        while chunk := [row.id for row in self._read(book.ids_after, last, CHUNK)]:
            yield chunk
            last = chunk[-1]

    def _broken(self, book: Book, ids: list[UUID]) -> Iterator[Finding]:
        for rule, sql in book.rules.items():
            for row in self._read(sql, ids):
                facts = {name: _plain(value) for name, value in row._asdict().items()}
                yield Finding(rule=rule, facts=facts)

    def _read(self, sql: str, *values: Any) -> list[Any]:
        return self._database.run([Query(sql, values)])[0]


def reconcile(
    scope: Scope | None = None, progress: Callable[[str, int], None] | None = None
) -> Reconciliation:
    """Prove the books: all of them, or those of a scope."""
    return Reconciler(database()).run(scope, progress)


def _plain(value: Any) -> str | int | None:
    return str(value) if isinstance(value, UUID) else value
