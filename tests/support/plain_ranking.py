"""The expected ranking by one plain statement, and rows to rank; for any connection."""

_SCORE = """CAST(0.1 AS float8) * CAST(sum(views) AS float8)
    + CAST(0.2 AS float8) * CAST(greatest(sum(likes), 0) AS float8)
    + CAST(0.7 AS float8) * ln(1 + CAST(greatest(sum(amount), 0) AS float8))"""

PLAIN = f"""
SELECT product_id, {_SCORE} AS score FROM product_metrics_daily
WHERE day BETWEEN CAST($1 AS date) AND CAST($2 AS date) AND product_id <> ALL (CAST($3 AS uuid[]))
GROUP BY product_id HAVING {_SCORE} > 0
ORDER BY score DESC, product_id DESC LIMIT 100
"""
"""First and last day, and the products to leave out -> product_id and score, best first."""

FILL = """
INSERT INTO product_metrics_daily (day, product_id, views, likes, orders, units, amount)
SELECT CAST($1 AS date) + CAST(n % CAST($3 AS int) AS int), ids.id,
    hashint4(CAST(n AS int)) & 1023, (hashint4(CAST(n AS int) + 7) & 63) - 8,
    1, 1, (hashint4(CAST(n AS int) + 13) & 262143) - 1000
FROM (
    SELECT k, CAST(md5(CAST($4 AS text) || k) AS uuid) AS id
    FROM generate_series(0, (CAST($2 AS int) - 1) / CAST($3 AS int)) AS k
) AS ids CROSS JOIN LATERAL generate_series(
    ids.k * CAST($3 AS int), least((ids.k + 1) * CAST($3 AS int), CAST($2 AS int)) - 1
) AS n
"""
"""First day, rows, days, salt: products with a row on each day, the last with fewer."""
