"""Statements on samples, and the count of payments that is sampled."""

from typing import Any

from sqlalchemy import DateTime, Uuid, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert as upsert

from commerce.app.trends.tables import trend_sample_table
from commerce.payment.tables import payment_table
from commerce.runtime.db.core import delete_older, records
from commerce.runtime.db.statement import Statement

_t, _p = trend_sample_table.c, payment_table.c
_MOMENT = ("dead_letters", "outbox_age_seconds", "breaker", "version", "code")
_COUNTS = ("payments_succeeded", "payments_failed", "api_5xx", "functions_failed")


def _store(names: tuple[str, ...], kept: Any) -> Any:
    given = records("rows", *(_t[name] for name in ("slot", *names)))
    rows = select(*(given.c[name] for name in ("slot", *names))).order_by(given.c.slot)
    stored = upsert(trend_sample_table).from_select(["slot", *names], rows)
    return stored.on_conflict_do_update(
        index_elements=[_t.slot],
        set_={name: kept(_t[name], stored.excluded[name]) for name in names},
    )


# The database's clock is the one that all samplers share.
NOW = Statement(select(func.clock_timestamp().label("now")))
# Of two samplers in one slot the first counts; the second adds what the first could not read.
STORE_MOMENT = Statement(lambda: _store(_MOMENT, func.coalesce))
# Counts of a slot grow until all have been reported; null is less than any.
STORE_COUNTS = Statement(lambda: _store(_COUNTS, func.greatest))
SINCE = Statement(
    select(*_t)
    .where(_t.slot >= bindparam("since", type_=DateTime(timezone=True)))
    .order_by(_t.slot)
)

# Ids are UUIDv7, so those that began in a period are a range of the primary key.
PAYMENTS = Statement(
    select(
        func.count()
        .filter(_p.status.in_([literal_column(f"'{each}'") for each in
                               ("SUCCEEDED", "REFUND_PENDING", "REFUNDED")]))
        .label("succeeded"),
        func.count().filter(_p.status == literal_column("'FAILED'")).label("failed"),
    ).where(
        _p.id >= bindparam("first_id", type_=Uuid), _p.id < bindparam("end_id", type_=Uuid)
    )
)  # fmt: skip
DELETE_EXPIRED = delete_older(trend_sample_table, trend_sample_table.c.slot)
