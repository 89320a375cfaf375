"""Runs in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from commerce.app.reconciliation.runs.model import Kind, Run
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from commerce.app.reconciliation.runs import statements as sql
else:
    sql = precompiled("commerce.app.reconciliation.runs.statements")

_SAVED = ("ended_at", "seconds", "book", "last_id", "checked", "findings", "is_complete")


class RunRepository:
    """Stores the runs."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def newest(self, kind: Kind) -> Run | None:
        """Return the newest run of a kind."""
        return _run_of(self._uow.read(sql.NEWEST(kind=kind)))

    def newest_ended(self, *kinds: Kind) -> list[Run | None]:
        """Return the newest run of each kind that has ended, in one round trip."""
        found = self._uow.read_together(*(sql.NEWEST_ENDED(kind=kind) for kind in kinds))
        return [_run_of(rows) for rows in found]

    def newest_complete(self, kind: Kind, before: datetime) -> Run | None:
        """Return the newest complete run that had begun by then."""
        return _run_of(self._uow.read(sql.NEWEST_COMPLETE(kind=kind, before=before)))

    def oldest(self, kind: Kind) -> Run | None:
        """Return the oldest run that is kept, complete or not."""
        return _run_of(self._uow.read(sql.OLDEST(kind=kind)))

    def oldest_complete(self, kind: Kind) -> Run | None:
        """Return the oldest complete run that is kept."""
        return _run_of(self._uow.read(sql.OLDEST_COMPLETE(kind=kind)))

    def transactions(self) -> tuple[int, int]:
        """Return the oldest transaction that is under way, and the next one."""
        [row] = self._uow.read(sql.TRANSACTIONS())
        return row.oldest, row.next

    def add(self, run: Run) -> None:
        """Store a new run. Raises Contention if another full run is under way."""
        self._uow.write(sql.ADD(**asdict(run)), {"one_full_run_at_a_time": lambda: None})

    def save(self, run: Run) -> None:
        """Store what a run has done since it was read. Raises Contention if it has changed."""
        values = {f"new_{name}": getattr(run, name) for name in _SAVED}
        self._uow.write(
            sql.SAVE(
                row_id=run.id, version_read=run.version, new_version=run.version + 1, **values
            ),
            {"run_as_read": lambda: None},
        )


def _run_of(rows: Sequence[Row]) -> Run | None:
    for row in rows:
        return Run(**{**row._asdict(), "kind": Kind(row.kind)})
    return None
