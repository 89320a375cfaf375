"""Statements on alerts."""

from typing import Any

from sqlalchemy import BigInteger, DateTime, Uuid, bindparam, case, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from commerce.app.alerts.tables import alert_table
from commerce.runtime.db.core import delete_older, records, save_as_read
from commerce.runtime.db.statement import Statement

_a = alert_table.c
_RAISED = ("id", "code", "about", "summary", "runbook", "first_at", "last_at")


def _raise(new_after: Any) -> Any:
    """Build the upsert of `rows`; one that was raised after `new_after` is no new occurrence."""
    given = records("rows", *(_a[name] for name in _RAISED))
    # Sorted, so that two writers of many lock them in one order.
    rows = select(*(given.c[name] for name in _RAISED), text("1"), text("1")).order_by(
        given.c.code, given.c.about
    )
    raised = upsert(alert_table).from_select([*_RAISED, "count", "version"], rows)
    new = raised.excluded
    return raised.on_conflict_do_update(
        constraint="alert_of_subject",
        set_={
            "summary": new.summary,
            "runbook": new.runbook,
            # Clocks differ by a little: what is known as later stays.
            "last_at": func.greatest(_a.last_at, new.last_at),
            "count": _a.count + (text("1") if new_after is None else _if_new(new_after)),
        },
    )


def _if_new(new_after: Any) -> Any:
    return case((_a.last_at < new_after, text("1")), else_=text("0"))


RAISE = Statement(lambda: _raise(None))
"""Each row is an occurrence."""
SEE = Statement(lambda: _raise(bindparam("new_before", type_=DateTime(timezone=True))))
"""A row is an occurrence where it was last seen before `new_before`; else it still stands."""

NEWEST = Statement(
    select(*_a)
    .where(
        _a.last_at >= bindparam("since", type_=DateTime(timezone=True)),
        tuple_(_a.last_at, _a.id)
        < tuple_(
            bindparam("before_at", type_=DateTime(timezone=True)),
            bindparam("before_id", type_=Uuid),
        ),
    )
    .order_by(_a.last_at.desc(), _a.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
FIND = Statement(select(*_a).where(_a.id == bindparam("alert_id", type_=Uuid)))
ACKNOWLEDGE = save_as_read(
    alert_table, "alert_as_read", "acknowledged_at", "acknowledged_by", "note"
)
SILENCE = save_as_read(
    alert_table, "alert_as_read", "silenced_until", "silenced_by", "silence_reason"
)
DELETE_EXPIRED = delete_older(alert_table, alert_table.c.last_at)
