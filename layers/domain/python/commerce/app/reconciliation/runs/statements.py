"""Statements on reconciliation runs."""

from sqlalchemy import DateTime, Text, bindparam, select, text

from commerce.app.reconciliation.runs.tables import reconciliation_run_table
from commerce.runtime.db.core import delete_older, insert_row, save_as_read
from commerce.runtime.db.statement import Statement

_r = reconciliation_run_table.c
_OF_KIND = _r.kind == bindparam("kind", type_=Text)

ADD = insert_row(reconciliation_run_table)
SAVE = save_as_read(
    reconciliation_run_table, "run_as_read",
    "ended_at", "seconds", "book", "last_id", "checked", "findings", "is_complete",
)  # fmt: skip
NEWEST = Statement(select(*_r).where(_OF_KIND).order_by(_r.begun_at.desc()).limit(1))
NEWEST_ENDED = Statement(
    select(*_r).where(_OF_KIND, _r.ended_at.is_not(None)).order_by(_r.begun_at.desc()).limit(1)
)
NEWEST_COMPLETE = Statement(
    select(*_r)
    .where(
        _OF_KIND,
        _r.is_complete,
        _r.begun_at <= bindparam("before", type_=DateTime(timezone=True)),
    )
    .order_by(_r.begun_at.desc())
    .limit(1)
)
OLDEST = Statement(select(*_r).where(_OF_KIND).order_by(_r.begun_at).limit(1))
OLDEST_COMPLETE = Statement(
    select(*_r).where(_OF_KIND, _r.is_complete).order_by(_r.begun_at).limit(1)
)
# Of the oldest transaction that is under way, and of the next one.
TRANSACTIONS = Statement(
    text("""
SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS oldest,
    CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint) AS next
""")
)
DELETE_EXPIRED = delete_older(reconciliation_run_table, _r.begun_at)
