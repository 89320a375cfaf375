"""The reconciler: reads the books chunk by chunk and collects the rows that break a rule."""

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

from commerce.app.reconciliation.views import Finding, Reconciliation, Scope
from commerce.runtime.db.connection import Database
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import Statement, precompiled

if TYPE_CHECKING:
    from commerce.app.reconciliation import statements as sql
else:
    sql = precompiled("commerce.app.reconciliation.statements")

CHUNK = 500  # ids per statement: memory stays flat, and no statement nears its time-out
MAX_FINDINGS = 1000

_FIRST = UUID(int=0)


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
        books = {
            "products": (sql.NEXT_PRODUCTS, sql.PRODUCT_RULES, scope.products if scope else None),
            "accounts": (sql.NEXT_ACCOUNTS, sql.ACCOUNT_RULES, scope.users if scope else None),
            "orders": (sql.NEXT_ORDERS, sql.ORDER_RULES, scope.orders if scope else None),
            "coupons": (sql.NEXT_COUPONS, sql.COUPON_RULES, scope.coupons if scope else None),
            "drops": (sql.NEXT_DROPS, sql.DROP_RULES, scope.drops if scope else None),
        }
        findings: list[Finding] = []
        checked = dict.fromkeys(books, 0)
        for name, (next_ids, rules, ids) in books.items():
            for chunk in self._chunks(next_ids, ids):
                findings += self._broken(rules, chunk)
                checked[name] += len(chunk)
                if progress is not None:
                    progress(name, checked[name])
                if len(findings) >= MAX_FINDINGS:
                    return Reconciliation(findings=findings, is_complete=False, **checked)
        return Reconciliation(findings=findings, is_complete=True, **checked)

    def _chunks(self, next_ids: Statement, ids: Collection[UUID] | None) -> Iterator[list[UUID]]:
        if ids is not None:
            every = sorted(set(ids))
            yield from (every[at : at + CHUNK] for at in range(0, len(every), CHUNK))
            return
        last = _FIRST
        while chunk := [row.id for row in self._read(next_ids(after=last, limit=CHUNK))]:
            yield chunk
            last = chunk[-1]

    def _broken(self, rules: dict[str, Statement], ids: list[UUID]) -> Iterator[Finding]:
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
