"""The rows that the stock of a hot product is dealt out to, so that a rush does not queue on one.

The stock's own row stays: what was brought back, and what could not be dealt out evenly, is there.
Units come into a stripe, and its last one leaves it, only under the lock of the stock's row. So who
holds that lock knows whether any stripe has something, though others are selling out of them.
"""

WORTH_DEALING = 4
"""Units per stripe: fewer stay in the stock's row, as they would be gathered again at once."""

NEWEST_MOVEMENTS = 100_000
"""As many are looked at for a rush: more than a minute has."""

IF_NOT = "stripe_has_more"
"""The guard of who takes from a stripe: it must have more than is taken."""

# What both statements that move stock do of `moved`: keep it, and tell it.
KEEP = """
        INSERT INTO stock_movement (product_id, change, reason, order_id, at)
        SELECT product_id, change, CAST(:reason AS text), CAST(:order_id AS uuid),
            CAST(:at AS timestamptz)
        FROM moved"""
TELL = """
        INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version,
            trace_id, data)
        SELECT changed_id, 'commerce.product', 'StockChanged', CAST(:at AS timestamptz),
            aggregate_id, aggregate_version, CAST(:trace_id AS text),
            jsonb_build_object('product_id', product_id, 'quantity', in_all,
                'change', change, 'reason', CAST(:reason AS text))
        FROM moved"""
