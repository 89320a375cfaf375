"""Statements of the like context: text() where a write records its event, else Core."""

from sqlalchemy import BigInteger, Uuid, bindparam, select, text

from commerce.like.tables import product_like_table
from commerce.runtime.db.statement import Statement

_l = product_like_table.c

# Only the statement knows if a like is new, so it records the event too.
_RECORD_EVENT = """
    INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version,
        trace_id, data)
    SELECT CAST(:event_id AS uuid), 'commerce.like', CAST(:type AS text),
        CAST(:at AS timestamptz), id, CAST(:version AS bigint), CAST(:trace_id AS text),
        jsonb_build_object('user_id', user_id, 'product_id', product_id)
    FROM changed
    RETURNING id
"""
ADD = Statement(
    text(f"""
    WITH changed AS (
        INSERT INTO product_like (user_id, product_id, id, created_at)
        VALUES (:user_id, :product_id, :id, :at)
        ON CONFLICT DO NOTHING
        RETURNING id, user_id, product_id
    ) {_RECORD_EVENT}
    """)  # noqa: S608  (no value is interpolated)
)
REMOVE = Statement(
    text(f"""
    WITH changed AS (
        DELETE FROM product_like WHERE user_id = :user_id AND product_id = :product_id
        RETURNING id, user_id, product_id
    ) {_RECORD_EVENT}
    """)  # noqa: S608
)
NEWEST = Statement(
    select(_l.id, _l.user_id, _l.product_id, _l.created_at)
    .where(_l.user_id == bindparam("user_id", type_=Uuid), _l.id < bindparam("before", type_=Uuid))
    .order_by(_l.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
