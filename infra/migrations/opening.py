"""Opens the stocks that migration 0013 found: adds what was on hand before it.

Since 0013 each transaction that changes what is on hand adds to `stock.on_hand`, in whichever
release it runs. So what is missing there is the same at every moment, and one snapshot tells it:
nothing is locked while it is read, and goods are sold meanwhile. Reserved is what orders hold that
are neither cancelled nor shipped.
"""

import time
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import ARRAY, Connection, Engine, Uuid, bindparam, create_engine, text
from sqlalchemy.dialects.postgresql import JSONB

from commerce.runtime import settings
from commerce.runtime.db.connection import opened

CHUNK = 200  # products per transaction, which locks their stocks for its last two statements
PASSES = 20
PAUSE_SECONDS = 0.1  # before the second pass; each further one waits for longer
_FIRST = UUID(int=0)
_IDS = bindparam("ids", type_=ARRAY(Uuid))

_NEXT = text("""
    SELECT product_id FROM stock WHERE NOT is_opened AND product_id > :after
    ORDER BY product_id LIMIT :limit
""")
# Counts from before 0013 say only what they did to what is available. The trigger of 0013, and the
# code after it, give a count its change of both.
_COMPLETE_COUNTS = text("""
    UPDATE stock_movement SET on_hand_change = change
    WHERE product_id = ANY (:ids) AND reason = 'COUNTED' AND on_hand_change = 0 AND change <> 0
""").bindparams(_IDS)
_MISSING = text("""
    SELECT product_id, there - on_hand AS missing, there - coalesce(moved.sum, 0) AS change,
        moved.sum IS NOT NULL AS has_moved
    FROM (
        SELECT product_id, on_hand, quantity
            + (SELECT coalesce(sum(stock_stripe.quantity), 0) FROM stock_stripe
                WHERE stock_stripe.product_id = stock.product_id)
            + (SELECT coalesce(-sum(change), 0)
                FROM stock_movement JOIN orders ON orders.id = order_id
                WHERE stock_movement.product_id = stock.product_id AND reason = 'SOLD'
                    AND status IN ('PENDING', 'CONFIRMED')) AS there
        FROM stock WHERE product_id = ANY (:ids)
    ) AS found
    LEFT JOIN (
        SELECT product_id, sum(on_hand_change) AS sum FROM stock_movement
        WHERE product_id = ANY (:ids) GROUP BY product_id
    ) AS moved USING (product_id)
""").bindparams(_IDS)
# Who is being sold at this moment is opened in a later pass: nobody waits who holds a lock here.
_LOCK = text("""
    SELECT product_id FROM stock WHERE product_id = ANY (:ids) FOR UPDATE SKIP LOCKED
""").bindparams(_IDS)
# The movement takes out what was shipped while shipments were not recorded, so that the movements
# sum to what is on hand; what is available stays as it is.
_OPEN = text("""
    WITH found AS (
        SELECT * FROM jsonb_to_recordset(:found)
            AS found (product_id uuid, missing bigint, change bigint, has_moved boolean)
    ), opened AS (
        UPDATE stock SET on_hand = stock.on_hand + missing, is_opened = true
        FROM found WHERE stock.product_id = found.product_id AND NOT is_opened
        RETURNING stock.product_id
    )
    INSERT INTO stock_movement (product_id, change, on_hand_change, reason, "by", at)
    SELECT product_id, 0, change, 'OPENED', 'system', now()
    FROM found JOIN opened USING (product_id) WHERE has_moved
""").bindparams(bindparam("found", type_=JSONB))


def open_stocks() -> None:
    """Open every stock that is not, a chunk per transaction. May be ended and repeated any time.

    Raises TimeoutError where a stock is locked whenever it is looked at.
    """
    engine = create_engine(
        "postgresql+pg8000://", creator=partial(opened, settings.database_url(fresh=True))
    )
    try:
        for number in range(PASSES):
            time.sleep(number * PAUSE_SECONDS)
            if _open_unlocked(engine):
                return
    finally:
        engine.dispose()
    raise TimeoutError("Some stocks are not opened, as others hold them: migrate again.")


def _open_unlocked(engine: Engine) -> bool:
    """Open all stocks that nobody holds; return whether that was all of them."""
    is_complete, after = True, _FIRST
    while True:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            found = connection.execute(_NEXT, {"after": after, "limit": CHUNK})
            ids = [row.product_id for row in found]
            if not ids:
                return is_complete
            is_complete &= _open(connection, ids)
        after = ids[-1]


def _open(connection: Connection, ids: Sequence[UUID]) -> bool:
    connection.execute(_COMPLETE_COUNTS, {"ids": ids})
    missing = {row.product_id: row for row in connection.execute(_MISSING, {"ids": ids})}
    locked = [row.product_id for row in connection.execute(_LOCK, {"ids": ids})]
    rows = [
        {"product_id": str(id_), "missing": int(missing[id_].missing),
         "change": int(missing[id_].change), "has_moved": missing[id_].has_moved}
        for id_ in locked
    ]  # fmt: skip
    connection.execute(_OPEN, {"found": rows})
    return len(locked) == len(ids)
