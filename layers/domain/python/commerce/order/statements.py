"""The SQL statements of the order context."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Uuid,
    any_,
    bindparam,
    select,
    text,
    tuple_,
)

from commerce.order.tables import order_history_table, order_line_table, order_table
from commerce.runtime.db.core import insert_many, insert_row, save_as_read
from commerce.runtime.db.statement import Statement

_o, _l, _h = order_table.c, order_line_table.c, order_history_table.c
ADD = insert_row(order_table)
ADD_LINES = insert_many(order_line_table, *(each.name for each in order_line_table.columns))
ADD_HISTORY = insert_many(order_history_table, *(each.name for each in order_history_table.columns))
_IDS = bindparam("ids", type_=ARRAY(Uuid))
ONE = Statement(select(order_table).where(_o.id == bindparam("id", type_=Uuid)))
LOCK = Statement(select(order_table).where(_o.id == bindparam("id", type_=Uuid)).with_for_update())
LINES = Statement(
    select(order_line_table).where(_l.order_id == any_(_IDS)).order_by(_l.order_id, _l.position)
)
HISTORY = Statement(
    select(order_history_table).where(_h.order_id == any_(_IDS)).order_by(_h.position)
)
NEWEST = Statement(
    select(order_table)
    .where(
        _o.buyer_id == bindparam("buyer_id", type_=Uuid), _o.id < bindparam("before", type_=Uuid)
    )
    .order_by(_o.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
LOCK_NEXT_EXPIRED = Statement(
    select(order_table)
    .where(
        _o.status == text("'PENDING'"),  # word for word as in the partial index
        _o.expires_at <= bindparam("now", type_=DateTime(timezone=True)),
        tuple_(_o.expires_at, _o.id)
        > tuple_(
            bindparam("after_time", type_=DateTime(timezone=True)),
            bindparam("after_id", type_=Uuid),
        ),
    )
    .order_by(_o.expires_at, _o.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
SAVE = save_as_read(order_table, "order_as_read", "status")
