"""The rules of the books as SQL: each statement returns the rows that break one.

It is text and imports no table, since a proof should not rest on the code that it checks. Each rule
is one statement, so that it sees a transaction either whole or not at all. All take `ids`, the
things to check.
"""

from sqlalchemy import text

from commerce.runtime.db.statement import Statement


def _rules(**rules: str) -> dict[str, Statement]:
    return {name: Statement(text(sql)) for name, sql in rules.items()}


def _next_ids(*columns: str) -> Statement:
    # The `limit` ids that follow `after`, from all columns ("table.column") that have such ids.
    parts = (
        f"(SELECT DISTINCT {column} AS id FROM {column.partition('.')[0]}"  # noqa: S608
        f" WHERE {column} > CAST(:after AS uuid) ORDER BY 1 LIMIT CAST(:limit AS bigint))"
        for column in columns
    )
    return Statement(text(f"{' UNION '.join(parts)} ORDER BY 1 LIMIT CAST(:limit AS bigint)"))


# --- what changed --------------------------------------------------------------------------------

# Rows of balances are found by the transaction that wrote them, also one by hand: so an
# altered row is found, too. There are as many as products, users and coupons, and each run reads
# them once. Orders and payments are found by their ids and events, which have an index.
# The age of a row that was not written for 2³¹ transactions is negative.
_WRITTEN = "age(xmin) BETWEEN 0 AND CAST(:transactions AS integer)"
_SINCE_ID = "CAST(:since_id AS uuid)"
_PUBLISHED = "(published_at IS NULL OR published_at >= CAST(:since AS timestamptz))"


def _changed(*parts: str) -> Statement:
    # The newest ids first: where there are too many, the full run covers the rest.
    every = " UNION ".join(parts)
    return Statement(text(f"{every} ORDER BY 1 DESC LIMIT CAST(:limit AS bigint)"))


def _written(column: str) -> str:
    return f"SELECT {column} AS id FROM {column.partition('.')[0]} WHERE {_WRITTEN}"  # noqa: S608


def _added(table: str, column: str) -> str:
    return f"SELECT {column} AS id FROM {table} WHERE id >= {_SINCE_ID}"  # noqa: S608


CHANGED = {
    "products": _changed(_written("stock.product_id"), _written("stock_stripe.product_id")),
    "accounts": _changed(
        _written("point_account.user_id"),
        _added("point_ledger", "user_id"),
        _added("point_charge", "user_id"),
    ),
    "orders": _changed(
        _added("orders", "id"),
        "SELECT aggregate_id AS id FROM outbox"  # noqa: S608
        f" WHERE source = 'commerce.order' AND {_PUBLISHED}",
        "SELECT payment.order_id AS id FROM outbox JOIN payment ON payment.id = aggregate_id"  # noqa: S608
        f" WHERE payment.order_id IS NOT NULL AND {_PUBLISHED}",
    ),
    "coupons": _changed(
        _written("coupon.id"),
        _written("coupon_stripe.coupon_id"),
        _added("issued_coupon", "coupon_id"),
    ),
    "drops": _changed(_written("product_drop.id"), _written("drop_lot.drop_id")),
}
"""By book: the ids of what changed since a transaction, an id and a moment."""

# --- the rules -----------------------------------------------------------------------------------

_CARD_AMOUNT = """CASE payment_method WHEN 'CARD'
    THEN total_amount - discount_amount - points_used_amount ELSE 0 END"""

NEXT_PRODUCTS = _next_ids("product.id", "stock.product_id", "stock_movement.product_id")
PRODUCT_RULES = _rules(
    STOCK_IS_THE_SUM_OF_ITS_MOVEMENTS="""
SELECT asked.id AS product_id, stock.quantity + coalesce(dealt.sum, 0) AS stock,
    coalesce(moved.sum, 0) AS movements
FROM unnest(CAST(:ids AS uuid[])) AS asked (id)
LEFT JOIN stock ON stock.product_id = asked.id
LEFT JOIN (
    SELECT product_id, CAST(sum(quantity) AS bigint) AS sum
    FROM stock_stripe WHERE product_id = ANY (CAST(:ids AS uuid[])) GROUP BY product_id
) AS dealt ON dealt.product_id = asked.id
LEFT JOIN (
    SELECT product_id, CAST(sum(change) AS bigint) AS sum
    FROM stock_movement WHERE product_id = ANY (CAST(:ids AS uuid[])) GROUP BY product_id
) AS moved ON moved.product_id = asked.id
WHERE stock.quantity + coalesce(dealt.sum, 0) IS DISTINCT FROM coalesce(moved.sum, 0)
ORDER BY 1
""",
    ON_HAND_IS_THE_SUM_OF_ITS_MOVEMENTS="""
SELECT product_id, stock.on_hand, stock.allotted, coalesce(moved.on_hand, 0) AS on_hand_moved,
    coalesce(moved.allotted, 0) AS allotted_moved
FROM stock
LEFT JOIN (
    SELECT product_id, CAST(sum(on_hand_change) AS bigint) AS on_hand,
        CAST(sum(on_hand_change - change) FILTER (WHERE drop_id IS NOT NULL) AS bigint) AS allotted
    FROM stock_movement WHERE product_id = ANY (CAST(:ids AS uuid[])) GROUP BY product_id
) AS moved USING (product_id)
WHERE product_id = ANY (CAST(:ids AS uuid[])) AND is_opened
    AND (stock.on_hand, stock.allotted) <> (coalesce(moved.on_hand, 0), coalesce(moved.allotted, 0))
ORDER BY 1
""",
    # What else is reserved than what drops hold: units of orders that are not cancelled and not
    # shipped. ORDER_MOVED_ITS_STOCK proves that these are the units that were sold to the orders.
    RESERVED_IS_WHAT_ORDERS_HOLD="""
SELECT asked.product_id, asked.reserved, asked.allotted, coalesce(held.sum, 0) AS held
FROM (
    SELECT product_id, allotted, on_hand - quantity - CAST((
        SELECT coalesce(sum(stock_stripe.quantity), 0) FROM stock_stripe
        WHERE stock_stripe.product_id = stock.product_id) AS bigint) AS reserved
    FROM stock WHERE product_id = ANY (CAST(:ids AS uuid[])) AND is_opened
) AS asked
LEFT JOIN (
    SELECT product_id, CAST(sum(-change - coalesce(cancelled_quantity, 0)) AS bigint) AS sum
    FROM stock_movement JOIN orders ON orders.id = stock_movement.order_id
    LEFT JOIN order_line USING (order_id, product_id)
    WHERE product_id = ANY (CAST(:ids AS uuid[])) AND reason = 'SOLD'
        AND orders.status IN ('PENDING', 'CONFIRMED')
    GROUP BY product_id
) AS held USING (product_id)
WHERE asked.reserved - asked.allotted <> coalesce(held.sum, 0) OR asked.allotted < 0
ORDER BY 1
""",
    STOCK_HAS_ALL_ITS_STRIPES="""
SELECT product_id, count(*) AS stripes, min(number) AS first, max(number) AS last
FROM stock_stripe WHERE product_id = ANY (CAST(:ids AS uuid[]))
GROUP BY product_id
HAVING min(number) <> 0 OR max(number) <> count(*) - 1 OR count(*) = 1
    OR count(DISTINCT id) <> count(*)
ORDER BY 1
""",
)

NEXT_ACCOUNTS = _next_ids("point_account.user_id", "point_ledger.user_id", "point_charge.user_id")
ACCOUNT_RULES = _rules(
    BALANCE_IS_THE_SUM_OF_ITS_LEDGER="""
SELECT asked.id AS user_id, point_account.balance, coalesce(entered.sum, 0) AS ledger
FROM unnest(CAST(:ids AS uuid[])) AS asked (id)
LEFT JOIN point_account ON point_account.user_id = asked.id
LEFT JOIN (
    SELECT user_id, CAST(sum(amount) AS bigint) AS sum
    FROM point_ledger WHERE user_id = ANY (CAST(:ids AS uuid[])) GROUP BY user_id
) AS entered ON entered.user_id = asked.id
WHERE coalesce(point_account.balance, 0) <> coalesce(entered.sum, 0)
    OR (point_account.user_id IS NULL AND entered.user_id IS NOT NULL)
ORDER BY 1
""",
    # Entries from before there were positions have none, and precede all others.
    ENTRY_LEADS_TO_ITS_BALANCE="""
SELECT user_id, id AS entry_id, position, amount, balance_after, balance_before
FROM (
    SELECT user_id, id, position, amount, balance_after,
        lag(balance_after) OVER ledger AS balance_before, lag(position) OVER ledger AS before
    FROM point_ledger WHERE user_id = ANY (CAST(:ids AS uuid[])) AND position IS NOT NULL
    WINDOW ledger AS (PARTITION BY user_id ORDER BY position)
) AS entered
WHERE balance_after < 0 OR balance_after <> balance_before + amount OR position <> before + 1
ORDER BY 1, 3
""",
    CHARGE_IS_CREDITED_ONCE="""
WITH due AS (
    SELECT id AS charge_id, user_id, status, amount FROM point_charge
    WHERE user_id = ANY (CAST(:ids AS uuid[]))
), done AS (
    SELECT charge_id, user_id, CAST(sum(amount) AS bigint) AS credited FROM point_ledger
    WHERE user_id = ANY (CAST(:ids AS uuid[])) AND charge_id IS NOT NULL
    GROUP BY charge_id, user_id
)
SELECT user_id, charge_id, status, amount, coalesce(credited, 0) AS credited
FROM due FULL JOIN done USING (charge_id, user_id)
WHERE coalesce(credited, 0)
    IS DISTINCT FROM CASE status WHEN 'CREDITED' THEN amount ELSE 0 END OR status IS NULL
ORDER BY 1, 2
""",
    # A charge without payments cost nothing. The event of a payment changes its charge a moment
    # later, but within ten minutes.
    CHARGE_HAS_ITS_PAYMENT="""
SELECT charge.user_id, charge.id AS charge_id, charge.status, charge.amount, paid.payments,
    paid.charged
FROM point_charge AS charge JOIN (
    SELECT charge_id, count(*) AS payments, max(changed_at) AS changed_at,
        CAST(coalesce(sum(amount) FILTER (WHERE status = 'SUCCEEDED'), 0) AS bigint) AS charged,
        bool_or(status = 'SUCCEEDED' AND is_extra) AS keeps_extra,
        bool_or(amount <> (SELECT amount FROM point_charge WHERE id = charge_id)) AS differs
    FROM payment
    WHERE charge_id IN (SELECT id FROM point_charge WHERE user_id = ANY (CAST(:ids AS uuid[])))
    GROUP BY charge_id
) AS paid ON paid.charge_id = charge.id
WHERE paid.differs OR paid.keeps_extra
    OR charge.status = 'CREDITED' AND paid.charged <> charge.amount
    OR charge.status <> 'CREDITED' AND paid.charged <> 0
        AND paid.changed_at < now() - interval '10 minutes'
ORDER BY 1, 2
""",
)

# An id that only a movement or an entry has shows an effect of an order that does not exist.
NEXT_ORDERS = _next_ids(
    "orders.id",
    "stock_movement.order_id",
    "point_ledger.order_id",
    "issued_coupon.used_by_order",
    "payment.order_id",
)
ORDER_RULES = _rules(
    # Orders of a drop move no available stock: their units left it when they were allotted. Units
    # that came back into the building are not counted as returned: what they changed of what is
    # available, they changed of what is on hand. Shipments of orders that were placed before
    # their product's stock was opened may not be recorded, and all of these orders returned.
    ORDER_MOVED_ITS_STOCK="""
WITH due AS (
    SELECT order_id, product_id, is_shipped,
        CASE WHEN drop_entry_id IS NULL THEN quantity ELSE 0 END AS ordered,
        CASE WHEN drop_entry_id IS NOT NULL THEN 0
            WHEN orders.status = 'CANCELLED' AND NOT is_shipped THEN quantity
            ELSE cancelled_quantity END AS to_return,
        CASE WHEN is_shipped THEN quantity - cancelled_quantity ELSE 0 END AS to_ship
    FROM order_line JOIN orders ON orders.id = order_id CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM order_history
            WHERE order_history.order_id = orders.id AND status = 'SHIPPED') AS is_shipped
    ) AS history
    WHERE order_id = ANY (CAST(:ids AS uuid[]))
), done AS (
    SELECT order_id, product_id, min(id) AS first,
        -coalesce(sum(change) FILTER (WHERE change < 0), 0) AS sold,
        coalesce(sum(change - on_hand_change) FILTER (WHERE change > 0), 0) AS returned,
        -coalesce(sum(on_hand_change) FILTER (WHERE reason = 'SHIPPED'), 0) AS shipped
    FROM stock_movement WHERE order_id = ANY (CAST(:ids AS uuid[]))
    GROUP BY order_id, product_id
)
SELECT order_id, product_id, coalesce(ordered, 0) AS ordered, coalesce(sold, 0) AS sold,
    coalesce(to_return, 0) AS to_return, coalesce(returned, 0) AS returned,
    coalesce(to_ship, 0) AS to_ship, coalesce(shipped, 0) AS shipped
FROM due FULL JOIN done USING (order_id, product_id)
WHERE coalesce(ordered, 0) <> coalesce(sold, 0)
    OR (coalesce(to_return, 0), coalesce(to_ship, 0))
        <> (coalesce(returned, 0), coalesce(shipped, 0))
        AND NOT (coalesce(is_shipped, false) AND coalesce(shipped, 0) = 0 AND EXISTS (
            SELECT FROM stock_movement AS opening WHERE opening.product_id = done.product_id
                AND opening.reason = 'OPENED' AND opening.id > done.first))
ORDER BY 1, 2
""",
    ORDER_MOVED_ITS_POINTS="""
WITH due AS (
    SELECT id AS order_id, buyer_id AS user_id, points_used_amount AS points_used,
        CASE WHEN status = 'CANCELLED' THEN points_used_amount
            ELSE points_refunded_amount END AS to_give_back
    FROM orders WHERE id = ANY (CAST(:ids AS uuid[]))
), done AS (
    SELECT order_id, user_id,
        CAST(-coalesce(sum(amount) FILTER (WHERE amount < 0), 0) AS bigint) AS spent,
        CAST(coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS bigint) AS given_back
    FROM point_ledger WHERE order_id = ANY (CAST(:ids AS uuid[]))
    GROUP BY order_id, user_id
)
SELECT order_id, user_id, coalesce(points_used, 0) AS points_used, coalesce(spent, 0) AS spent,
    coalesce(to_give_back, 0) AS to_give_back, coalesce(given_back, 0) AS given_back
FROM due FULL JOIN done USING (order_id, user_id)
WHERE coalesce(points_used, 0) <> coalesce(spent, 0)
    OR coalesce(to_give_back, 0) <> coalesce(given_back, 0)
ORDER BY 1, 2
""",
    ORDER_COSTS_WHAT_ITS_LINES_COST="""
SELECT id AS order_id, total_amount AS total, priced.sum AS lines
FROM orders LEFT JOIN (
    SELECT order_id, CAST(sum(unit_price_amount * quantity) AS bigint) AS sum
    FROM order_line WHERE order_id = ANY (CAST(:ids AS uuid[])) GROUP BY order_id
) AS priced ON priced.order_id = id
WHERE id = ANY (CAST(:ids AS uuid[])) AND priced.sum IS DISTINCT FROM total_amount
ORDER BY 1
""",
    ORDER_IS_PAID_IN_FULL="""
SELECT id AS order_id, total_amount AS total, discount_amount AS discount,
    points_used_amount AS points_used
FROM orders
WHERE id = ANY (CAST(:ids AS uuid[])) AND (
    discount_amount < 0 OR points_used_amount < 0
    OR total_amount - discount_amount - points_used_amount < 0
    OR payment_method = 'POINT' AND total_amount - discount_amount <> points_used_amount
)
ORDER BY 1
""",
    ORDER_DISCOUNT_IS_THAT_OF_ITS_LINES="""
SELECT id AS order_id, orders.discount_amount AS discount, split.sum AS lines
FROM orders LEFT JOIN (
    SELECT order_id, CAST(sum(discount_amount) AS bigint) AS sum
    FROM order_line WHERE order_id = ANY (CAST(:ids AS uuid[])) GROUP BY order_id
) AS split ON split.order_id = id
WHERE id = ANY (CAST(:ids AS uuid[])) AND orders.discount_amount <> coalesce(split.sum, 0)
ORDER BY 1
""",
    ORDER_USES_ITS_COUPON="""
WITH named AS (
    SELECT id AS order_id, issued_coupon_id, status, buyer_id, discount_amount
    FROM orders WHERE id = ANY (CAST(:ids AS uuid[]))
), used AS (
    SELECT used_by_order AS order_id, id AS issued_coupon_id, user_id
    FROM issued_coupon WHERE used_by_order = ANY (CAST(:ids AS uuid[]))
)
SELECT order_id, named.status, named.discount_amount AS discount,
    named.issued_coupon_id AS named, used.issued_coupon_id AS used
FROM named FULL JOIN used USING (order_id)
WHERE CASE WHEN named.status <> 'CANCELLED' THEN named.issued_coupon_id END
        IS DISTINCT FROM used.issued_coupon_id
    OR used.user_id <> named.buyer_id
    OR (named.discount_amount > 0) <> (named.issued_coupon_id IS NOT NULL)
ORDER BY 1
""",
    ORDER_IS_WHERE_ITS_HISTORY_ENDS="""
SELECT id AS order_id, orders.status, last.status AS history
FROM orders LEFT JOIN LATERAL (
    SELECT status FROM order_history WHERE order_id = id ORDER BY position DESC LIMIT 1
) AS last ON true
WHERE id = ANY (CAST(:ids AS uuid[])) AND last.status IS DISTINCT FROM orders.status
ORDER BY 1
""",
    PAID_ORDER_HAS_ITS_PAYMENT=f"""
SELECT id AS order_id, orders.status, {_CARD_AMOUNT} AS due, coalesce(paid.sum, 0) AS paid,
    coalesce(paid.count, 0) AS payments
FROM orders LEFT JOIN (
    SELECT order_id, CAST(sum(amount) AS bigint) AS sum, count(*) AS count
    FROM payment WHERE order_id = ANY (CAST(:ids AS uuid[]))
        AND (status = 'SUCCEEDED' OR status IN ('REFUND_PENDING', 'REFUNDED')
            AND refund_requested_amount > 0 AND NOT is_extra)
    GROUP BY order_id
) AS paid ON paid.order_id = id
WHERE id = ANY (CAST(:ids AS uuid[])) AND orders.status IN ('CONFIRMED', 'SHIPPED', 'DELIVERED')
    AND (coalesce(paid.sum, 0) <> {_CARD_AMOUNT} OR coalesce(paid.count, 0) > 1)
ORDER BY 1
""",  # noqa: S608
    # What went back of each means is what the refunds say, and each refund is in the ledger and at
    # the payment as it says. What former code refunded has no rows.
    ORDER_REFUNDS_ARE_ITS_ROWS="""
SELECT orders.id AS order_id, orders.status, card_refunded_amount AS card,
    points_refunded_amount AS points, coalesce(said.card, 0) AS card_said,
    coalesce(said.points, 0) AS points_said, coalesce(made.card, 0) AS card_made,
    coalesce(made.points, 0) AS points_made
FROM orders LEFT JOIN (
    SELECT order_id, CAST(sum(card_amount) AS bigint) AS card,
        CAST(sum(points_amount) AS bigint) AS points
    FROM order_refund WHERE order_id = ANY (CAST(:ids AS uuid[])) GROUP BY order_id
) AS said ON said.order_id = orders.id LEFT JOIN (
    SELECT order_refund.order_id, CAST(sum(payment_refund.amount) AS bigint) AS card,
        CAST(sum(point_ledger.amount) AS bigint) AS points
    FROM order_refund LEFT JOIN payment_refund USING (id) LEFT JOIN point_ledger USING (id)
    WHERE order_refund.order_id = ANY (CAST(:ids AS uuid[])) GROUP BY order_refund.order_id
) AS made ON made.order_id = orders.id
WHERE orders.id = ANY (CAST(:ids AS uuid[])) AND (
    (card_refunded_amount, points_refunded_amount)
        <> (coalesce(said.card, 0), coalesce(said.points, 0))
    OR (coalesce(said.card, 0), coalesce(said.points, 0))
        <> (coalesce(made.card, 0), coalesce(made.points, 0)))
ORDER BY 1
""",
    # Units that are cancelled in parts or returned were paid for, so money went back for them: all
    # that was paid for them, or all that was left.
    PARTS_OF_AN_ORDER_ARE_REFUNDED="""
SELECT orders.id AS order_id, due.amount AS due,
    card_refunded_amount + points_refunded_amount AS refunded
FROM orders JOIN (
    SELECT order_id, CAST(sum(unit_price_amount * gone - discount_amount * gone / quantity)
        AS bigint) AS amount
    FROM order_line CROSS JOIN LATERAL (
        SELECT cancelled_quantity + returned_quantity AS gone) AS units
    WHERE order_id = ANY (CAST(:ids AS uuid[])) GROUP BY order_id
) AS due ON due.order_id = orders.id
WHERE card_refunded_amount + points_refunded_amount
    < least(due.amount, total_amount - discount_amount)
ORDER BY 1
""",
    # What came back of a line is what its received returns say, and what they restocked came into
    # the building. No more is on its way back than was bought and kept.
    RETURNED_UNITS_WERE_RECEIVED="""
WITH due AS (
    SELECT order_id, product_id, orders.status, quantity - cancelled_quantity AS kept,
        returned_quantity AS returned
    FROM order_line JOIN orders ON orders.id = order_id
    WHERE order_id = ANY (CAST(:ids AS uuid[]))
), came AS (
    SELECT order_id, product_id, CAST(sum(received_quantity) AS bigint) AS received,
        CAST(sum(restocked_quantity) AS bigint) AS restocked,
        CAST(coalesce(sum(quantity) FILTER (WHERE status = 'REQUESTED'), 0) AS bigint) AS open,
        bool_or(status <> 'RECEIVED' AND received_quantity > 0) AS is_early
    FROM order_return JOIN order_return_line ON return_id = order_return.id
    WHERE order_id = ANY (CAST(:ids AS uuid[])) GROUP BY order_id, product_id
), moved AS (
    SELECT order_id, product_id, CAST(sum(on_hand_change) AS bigint) AS restocked
    FROM stock_movement
    WHERE order_id = ANY (CAST(:ids AS uuid[])) AND reason = 'RETURNED' AND on_hand_change > 0
    GROUP BY order_id, product_id
)
SELECT order_id, product_id, due.status, returned, coalesce(came.received, 0) AS received,
    coalesce(came.restocked, 0) AS restocked, coalesce(moved.restocked, 0) AS moved,
    coalesce(came.open, 0) AS open
FROM due FULL JOIN came USING (order_id, product_id)
LEFT JOIN moved USING (order_id, product_id)
WHERE returned IS DISTINCT FROM coalesce(came.received, 0) OR came.is_early
    OR returned + coalesce(came.open, 0) > kept
    OR due.status = 'DELIVERED' AND coalesce(came.restocked, 0) <> coalesce(moved.restocked, 0)
ORDER BY 1, 2
""",
    RETURN_HAS_ITS_REFUND="""
SELECT order_id, gone_back.id AS return_id, refund_id, kind
FROM (
    SELECT order_id, id, refund_id FROM order_return WHERE order_id = ANY (CAST(:ids AS uuid[]))
) AS gone_back FULL JOIN (
    SELECT order_id, id AS refund_id, kind FROM order_refund
    WHERE order_id = ANY (CAST(:ids AS uuid[]))
) AS refund USING (order_id, refund_id)
WHERE refund_id IS NOT NULL AND (kind = 'RETURN') IS DISTINCT FROM (gone_back.id IS NOT NULL)
ORDER BY 1, 2
""",
    PAYMENT_REFUNDS_ARE_ITS_ROWS="""
SELECT order_id, payment.id AS payment_id, payment.status, payment.amount,
    refund_requested_amount AS requested, refunded_amount AS refunded,
    coalesce(rows.requested, 0) AS rows_requested, coalesce(rows.refunded, 0) AS rows_refunded
FROM payment LEFT JOIN (
    SELECT payment_id, CAST(sum(payment_refund.amount) AS bigint) AS requested,
        CAST(coalesce(sum(payment_refund.amount) FILTER (WHERE refunded_at IS NOT NULL), 0)
            AS bigint) AS refunded
    FROM payment_refund JOIN payment AS refunded_payment ON refunded_payment.id = payment_id
    WHERE refunded_payment.order_id = ANY (CAST(:ids AS uuid[])) GROUP BY payment_id
) AS rows ON rows.payment_id = payment.id
WHERE order_id = ANY (CAST(:ids AS uuid[])) AND (
    (refund_requested_amount, refunded_amount)
        <> (coalesce(rows.requested, 0), coalesce(rows.refunded, 0))
    OR refunded_amount > refund_requested_amount OR refund_requested_amount > payment.amount
    OR refund_requested_amount > 0 AND payment.status <> CASE
        WHEN refund_requested_amount < payment.amount THEN 'SUCCEEDED'
        WHEN refunded_amount < payment.amount THEN 'REFUND_PENDING' ELSE 'REFUNDED' END)
ORDER BY 1, 2
""",
    # The event of a payment changes its order a moment later, but within ten minutes.
    PAYMENT_HAS_ITS_ORDER="""
SELECT payment.order_id, payment.id AS payment_id, payment.status AS payment, orders.status
FROM payment LEFT JOIN orders ON orders.id = payment.order_id
WHERE payment.order_id = ANY (CAST(:ids AS uuid[])) AND (
    orders.id IS NULL
    OR (payment.status = 'SUCCEEDED' AND orders.status IN ('PENDING', 'CANCELLED')
        AND payment.changed_at < now() - interval '10 minutes')
    OR (payment.status = 'SUCCEEDED' AND payment.is_extra)
    OR (payment.status IN ('REFUND_PENDING', 'REFUNDED') AND NOT payment.is_extra
        AND orders.status <> 'CANCELLED' AND orders.card_refunded_amount <> payment.amount)
)
ORDER BY 1, 2
""",
    # The delivery system learns of a change a moment later, but within ten minutes unless an
    # operator was alerted. An order that it never had needs neither UPDATE nor WITHDRAWAL.
    DELIVERY_SYSTEM_KNOWS_THE_ORDER="""
SELECT orders.id AS order_id, orders.status, delivery_version AS version, sent_version
FROM orders JOIN shipment ON shipment.order_id = orders.id
JOIN shipment_notice AS sent ON sent.order_id = orders.id AND sent.kind = 'ORDER'
WHERE orders.id = ANY (CAST(:ids AS uuid[])) AND (
    orders.status <> 'CANCELLED' AND sent_version < delivery_version
        AND delivery_changed_at < now() - interval '10 minutes'
    OR sent_version > delivery_version
    OR orders.status = 'CANCELLED' AND EXISTS (SELECT FROM order_history
        WHERE order_history.order_id = orders.id AND order_history.status = 'CANCELLED'
            AND at < now() - interval '10 minutes')
        AND NOT EXISTS (SELECT FROM shipment_notice AS withdrawn
            WHERE withdrawn.order_id = orders.id AND withdrawn.kind = 'WITHDRAWAL')
    OR orders.status <> 'CANCELLED' AND EXISTS (SELECT FROM shipment_notice AS withdrawn
            WHERE withdrawn.order_id = orders.id AND withdrawn.kind = 'WITHDRAWAL')
)
ORDER BY 1
""",
    # A notice's tries take three minutes; with those of the events before it, less than ten.
    DELIVERY_SYSTEM_WAS_GIVEN_THE_ORDER="""
SELECT orders.id AS order_id, orders.status
FROM orders
WHERE orders.id = ANY (CAST(:ids AS uuid[])) AND orders.status = 'CONFIRMED'
    AND NOT EXISTS (SELECT FROM order_history
        WHERE order_history.order_id = orders.id AND order_history.status = 'CONFIRMED'
            AND at >= now() - interval '10 minutes')
    AND NOT EXISTS (SELECT FROM shipment_notice AS sent
        WHERE sent.order_id = orders.id AND sent.kind = 'ORDER')
ORDER BY 1
""",
    PAYMENT_IS_OF_WHAT_IS_DUE=f"""
SELECT order_id, payment.id AS payment_id, payment.amount, {_CARD_AMOUNT} AS due
FROM payment JOIN orders ON orders.id = order_id
WHERE order_id = ANY (CAST(:ids AS uuid[]))
    AND (payment.amount <> {_CARD_AMOUNT} OR payment.currency <> orders.currency)
ORDER BY 1, 2
""",  # noqa: S608
)

NEXT_COUPONS = _next_ids("coupon.id", "issued_coupon.coupon_id")
COUPON_RULES = _rules(
    COUPON_ISSUED_WHAT_IS_NOT_LEFT="""
SELECT asked.id AS coupon_id, coupon.total_quantity AS total,
    coalesce(stripes.sum, 0) AS left_over, coalesce(copies.count, 0) AS issued
FROM unnest(CAST(:ids AS uuid[])) AS asked (id)
LEFT JOIN coupon ON coupon.id = asked.id
LEFT JOIN (
    SELECT coupon_id, CAST(sum(quantity_left) AS bigint) AS sum
    FROM coupon_stripe WHERE coupon_id = ANY (CAST(:ids AS uuid[])) GROUP BY coupon_id
) AS stripes ON stripes.coupon_id = asked.id
LEFT JOIN (
    SELECT coupon_id, count(*) AS count
    FROM issued_coupon WHERE coupon_id = ANY (CAST(:ids AS uuid[])) GROUP BY coupon_id
) AS copies ON copies.coupon_id = asked.id
WHERE coalesce(coupon.total_quantity, 0)
        <> coalesce(stripes.sum, 0) + coalesce(copies.count, 0)
    OR coalesce(copies.count, 0) > coalesce(coupon.total_quantity, 0)
ORDER BY 1
""",
)

# Entries have no foreign key to their drop: an id that only they have is of no drop.
NEXT_DROPS = _next_ids("product_drop.id", "drop_entry.drop_id")
DROP_RULES = _rules(
    ENTRY_HAS_ITS_DROP_AND_LOT="""
SELECT drop_entry.drop_id, drop_entry.id AS entry_id, drop_entry.product_id
FROM drop_entry LEFT JOIN drop_lot USING (drop_id, product_id)
WHERE drop_entry.drop_id = ANY (CAST(:ids AS uuid[])) AND drop_lot.drop_id IS NULL
ORDER BY 1, 2
""",
    # A cancelled order's unit, or a void offer's, is on its way back to the stock until promote
    # has logged it.
    DROP_HOLDS_ITS_UNITS="""
WITH held AS (
    SELECT drop_id, product_id, count(*) AS held FROM drop_entry
    WHERE drop_id = ANY (CAST(:ids AS uuid[])) AND status IN ('OFFERED', 'ORDERED', 'BOUGHT')
    GROUP BY drop_id, product_id
), moved AS (
    SELECT drop_id, product_id,
        CAST(coalesce(sum(-change) FILTER (WHERE reason = 'DROP_ALLOTTED'), 0) AS bigint)
            AS allotted,
        CAST(coalesce(sum(change) FILTER (WHERE reason = 'DROP_RETURNED'), 0) AS bigint)
            AS given_back
    FROM stock_movement WHERE drop_id = ANY (CAST(:ids AS uuid[])) GROUP BY drop_id, product_id
)
SELECT lot.drop_id, lot.product_id, lot.units, lot.returned, coalesce(held, 0) AS held,
    coalesce(allotted, 0) AS allotted, coalesce(given_back, 0) AS given_back
FROM drop_lot AS lot JOIN product_drop ON product_drop.id = lot.drop_id
LEFT JOIN held USING (drop_id, product_id) LEFT JOIN moved USING (drop_id, product_id)
WHERE lot.drop_id = ANY (CAST(:ids AS uuid[])) AND state <> 'DRAFT' AND terms IS NOT NULL
    AND (lot.units - lot.returned < coalesce(held, 0) OR lot.returned <> coalesce(given_back, 0)
        OR lot.units <> coalesce(allotted, 0))
ORDER BY 1, 2
""",
    POSITIONS_HAVE_NO_GAPS="""
SELECT lot.drop_id, lot.product_id, lot.numbered, lot.served, count(position) AS positions,
    max(position) AS last
FROM drop_lot AS lot LEFT JOIN (
    SELECT drop_id, product_id, position FROM drop_entry
    WHERE drop_id = ANY (CAST(:ids AS uuid[])) AND position IS NOT NULL
    UNION
    SELECT drop_id, product_id, position FROM drop_place
    WHERE drop_id = ANY (CAST(:ids AS uuid[]))
) AS line USING (drop_id, product_id)
WHERE lot.drop_id = ANY (CAST(:ids AS uuid[]))
GROUP BY lot.drop_id, lot.product_id, lot.numbered, lot.served
HAVING count(position) <> lot.numbered OR coalesce(max(position), 0) <> lot.numbered
    OR coalesce(min(position), 1) <> 1
ORDER BY 1, 2
""",
    # Each place is that of an entry of the pool, which keeps it when it moves on.
    PLACES_ARE_KEPT="""
SELECT place.drop_id, place.entry_id, place.position AS place, entry.position
FROM drop_place AS place LEFT JOIN drop_entry AS entry
    ON entry.id = place.entry_id AND entry.drop_id = place.drop_id
        AND entry.product_id = place.product_id
WHERE place.drop_id = ANY (CAST(:ids AS uuid[]))
    AND (entry.in_pool IS NOT TRUE OR entry.position <> place.position
        OR entry.position IS NULL AND entry.status NOT IN ('JOINED', 'WITHDRAWN', 'VOID'))
ORDER BY 1, 3
""",
    OFFERS_WENT_TO_THE_FIRST_IN_LINE="""
SELECT entry.drop_id, entry.id AS entry_id, entry.status,
    coalesce(entry.position, place.position) AS position, lot.served
FROM drop_entry AS entry JOIN drop_lot AS lot USING (drop_id, product_id)
LEFT JOIN drop_place AS place ON place.entry_id = entry.id
WHERE entry.drop_id = ANY (CAST(:ids AS uuid[])) AND (
    entry.status IN ('JOINED', 'WAITING')
        AND coalesce(entry.position, place.position) <= lot.served
    OR entry.claim_until IS NOT NULL AND entry.position > lot.served)
ORDER BY 1, 4
""",
    POOL_IS_WHAT_WAS_SEALED="""
SELECT product_drop.id AS drop_id, entries_count, count(entry.id) AS pool, entries_root
FROM product_drop LEFT JOIN drop_entry AS entry ON entry.drop_id = product_drop.id AND in_pool
WHERE product_drop.id = ANY (CAST(:ids AS uuid[])) AND entries_root IS NOT NULL
GROUP BY product_drop.id
HAVING count(entry.id) <> entries_count OR entries_root <> encode(sha256(convert_to(coalesce(
    string_agg(CAST(entry.id AS text), E'\\n' ORDER BY entry.id), ''), 'UTF8')), 'hex')
ORDER BY 1
""",
    # An order that was shipped and then cancelled keeps its unit: it has left the building.
    ENTRY_HAS_ITS_ORDER="""
WITH using_it AS (
    SELECT orders.id AS order_id, drop_entry_id, orders.status, orders.status <> 'CANCELLED'
        OR EXISTS (SELECT FROM order_history AS history
            WHERE history.order_id = orders.id AND history.status = 'SHIPPED') AS keeps_it
    FROM orders WHERE drop_entry_id IN (
        SELECT id FROM drop_entry WHERE drop_id = ANY (CAST(:ids AS uuid[])))
)
SELECT entry.drop_id, entry.id AS entry_id, entry.status AS entry, entry.order_id,
    using_it.order_id AS keeper, using_it.status AS order_status
FROM (SELECT * FROM drop_entry WHERE drop_id = ANY (CAST(:ids AS uuid[]))) AS entry
LEFT JOIN using_it ON using_it.drop_entry_id = entry.id AND keeps_it
WHERE CASE entry.status
    WHEN 'ORDERED' THEN using_it.status = 'PENDING' AND using_it.order_id = entry.order_id
    WHEN 'BOUGHT' THEN using_it.status <> 'PENDING' AND using_it.order_id = entry.order_id
    ELSE using_it.order_id IS NULL END IS NOT TRUE
ORDER BY 1, 2
""",
    LOG_IS_WHOLE="""
SELECT product_drop.id AS drop_id, log_number, count(number) AS records, log_head
FROM product_drop LEFT JOIN drop_log ON drop_log.drop_id = product_drop.id
WHERE product_drop.id = ANY (CAST(:ids AS uuid[]))
GROUP BY product_drop.id
HAVING count(number) <> log_number OR coalesce(max(number), 0) <> log_number
    OR log_head IS DISTINCT FROM (array_agg(hash ORDER BY number DESC))[1]
ORDER BY 1
""",
)
