"""Statements of stock striping: SQLAlchemy Core, and text() where writes build on each other."""

from sqlalchemy import ARRAY, Boolean, Uuid, any_, bindparam, delete, select, text, update

from commerce.product.statements import RECORD_CHANGE, RECORD_MOVEMENT
from commerce.product.striping.tables import SALES_FROM_STRIPES, stock_stripe_table
from commerce.product.tables import stock_table
from commerce.runtime.db.core import insert_many
from commerce.runtime.db.statement import Statement

_s = stock_stripe_table.c
_OF_PRODUCTS = _s.product_id == any_(bindparam("ids", type_=ARRAY(Uuid)))
_OF_STOCK = stock_table.c.product_id == bindparam("stock_id", type_=Uuid)

LOCK_STOCK = Statement(
    select(stock_table.c.product_id, stock_table.c.stripes_fixed).where(_OF_STOCK).with_for_update()
)
# Only under the lock of their stocks' rows; whoever locks several does so in the same order.
LOCK = Statement(
    select(_s.product_id, _s.number, _s.quantity, _s.version)
    .where(_OF_PRODUCTS)
    .order_by(_s.product_id, _s.number)
    .with_for_update()
)
GATHER = Statement(
    text("""
    WITH found AS (
        SELECT product_id, sum(quantity) AS units FROM stock_stripe
        WHERE product_id = ANY (CAST(:ids AS uuid[])) GROUP BY product_id
    ), emptied AS (
        UPDATE stock_stripe SET quantity = 0
        WHERE product_id = ANY (CAST(:ids AS uuid[])) AND quantity > 0
    )
    UPDATE stock SET quantity = stock.quantity + found.units
    FROM found WHERE stock.product_id = found.product_id AND found.units > 0
    """)
)
DEAL = Statement(
    text("""
    WITH dealt AS (
        SELECT product_id, stock.quantity / count(*) AS units, count(*) AS stripes
        FROM stock JOIN stock_stripe USING (product_id)
        WHERE product_id = ANY (CAST(:ids AS uuid[]))
        GROUP BY product_id, stock.quantity
        HAVING stock.quantity >= CAST(:worth_dealing AS bigint) * count(*)
    ), filled AS (
        UPDATE stock_stripe SET quantity = stock_stripe.quantity + dealt.units
        FROM dealt WHERE stock_stripe.product_id = dealt.product_id
    )
    UPDATE stock SET quantity = stock.quantity - dealt.units * dealt.stripes
    FROM dealt WHERE stock.product_id = dealt.product_id
    """)
)
CLEAR = Statement(delete(stock_stripe_table).where(_OF_PRODUCTS))
ADD = insert_many(stock_stripe_table, *(each.name for each in stock_stripe_table.columns))
# The stripes go, and with them their sales: the stock's version keeps these.
FIX = Statement(
    update(stock_table)
    .where(_OF_STOCK)
    .values(
        stripes_fixed=bindparam("is_fixed", type_=Boolean),
        version=stock_table.c.version + SALES_FROM_STRIPES,
    )
)

# Take from the first of the stripes that is not locked; where all are locked, wait for one, while
# holding none. A stripe must have more units than are taken: so it never becomes empty here, the
# product is not sold out by this, and the other stripes' units need not be known. The quantity that
# the event records is what this statement sees: others may be buying at the same moment.
TAKE = Statement(
    text(f"""
    WITH free AS (
        SELECT number FROM stock_stripe
        WHERE product_id = CAST(:product_id AS uuid)
            AND number = ANY (CAST(:numbers AS integer[]))
        ORDER BY array_position(CAST(:numbers AS integer[]), number)
        LIMIT 1 FOR UPDATE SKIP LOCKED
    ), waited_for AS (
        SELECT number FROM stock_stripe
        WHERE product_id = CAST(:product_id AS uuid)
            AND number = (CAST(:numbers AS integer[]))[1] AND NOT EXISTS (SELECT FROM free)
        FOR UPDATE
    ), moved AS (
        UPDATE stock_stripe
        SET quantity = quantity - CAST(:quantity AS bigint), version = version + 1
        WHERE product_id = CAST(:product_id AS uuid) AND quantity > CAST(:quantity AS bigint)
            AND number = (SELECT number FROM free UNION ALL SELECT number FROM waited_for)
        RETURNING product_id, -CAST(:quantity AS bigint) AS change, 0 AS on_hand_change,
            CAST(:changed_id AS uuid) AS changed_id, id AS aggregate_id,
            version AS aggregate_version,
            quantity + (SELECT stock.quantity + coalesce(sum(others.quantity), 0)
                FROM stock LEFT JOIN stock_stripe AS others
                    ON others.product_id = stock.product_id AND others.id <> stock_stripe.id
                WHERE stock.product_id = stock_stripe.product_id
                GROUP BY stock.quantity) AS in_all
    ), movement AS ({RECORD_MOVEMENT}
    ), event AS ({RECORD_CHANGE}
    )
    SELECT require((SELECT count(*) FROM moved) = 1, 'stripe_has_more')
    """)  # noqa: S608  (no value is interpolated)
)

# Products that sell so much that they should be striped, and striped ones that sell little; not
# those for which an admin has decided.
_MOVEMENTS = "SELECT product_id, reason, at FROM stock_movement ORDER BY id DESC LIMIT"
SALES_SPIKES = Statement(
    text(f"""
    WITH sold AS (
        SELECT product_id, count(*) AS sales FROM ({_MOVEMENTS} CAST(:newest AS bigint)) AS newest
        WHERE at > CAST(:since AS timestamptz) AND reason = 'SOLD' GROUP BY product_id
    ), striped AS (SELECT DISTINCT product_id, true AS is_striped FROM stock_stripe)
    SELECT product_id, coalesce(is_striped, false) AS is_striped, coalesce(sales, 0) AS sales
    FROM sold FULL JOIN striped USING (product_id) JOIN stock USING (product_id)
    WHERE NOT stripes_fixed AND CASE WHEN coalesce(is_striped, false)
        THEN coalesce(sales, 0) < CAST(:cool AS bigint) ELSE sales >= CAST(:hot AS bigint) END
    ORDER BY product_id
    """)  # noqa: S608
)
