"""What the database is asked and told about ranking weights and days, as SQLAlchemy Core."""

from sqlalchemy import bindparam, insert, select, text

from commerce.ranking.tables import ranking_weights_table
from commerce.runtime.db.statement import Statement

_w = ranking_weights_table.c
NEWEST = Statement(
    select(_w.version, _w.view_weight, _w.like_weight, _w.order_weight)
    .order_by(_w.version.desc())
    .limit(1)
)
SET = Statement(
    insert(ranking_weights_table).values(
        {each.name: bindparam(each.name) for each in ranking_weights_table.c}
    )
)

# What was told n days before weighs a tenth n times: what the carry-overs make of it.
TOP = Statement(
    text("""
    SELECT product_id, CAST(score AS double precision) AS score
    FROM (
        SELECT product_id, round(CAST(sum(
            power(CAST(:share AS double precision), CAST(:day AS date) - day)
            * (CAST(:view AS double precision) * views
                + CAST(:like AS double precision) * likes
                + CAST(:order AS double precision) * sign(amount)
                    * ln(1 + abs(CAST(amount AS double precision))))
        ) AS numeric), 9) AS score
        FROM product_metrics_daily
        WHERE day BETWEEN CAST(:first AS date) AND CAST(:day AS date)
        GROUP BY product_id
    ) AS scored
    WHERE score > 0
    ORDER BY score DESC, product_id DESC
    LIMIT CAST(:limit AS bigint) OFFSET CAST(:offset AS bigint)
    """)
)
