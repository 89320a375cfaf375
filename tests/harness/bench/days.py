"""A day without a board at 100,000 and 1,000,000 products: ranked in chunks, and read by a caller.

Every product has metrics on each of the eight days that count. One statement over all of them is
measured for comparison, without the statement time-out; the result must be the same.
"""

import argparse
import os
from datetime import date, timedelta
from typing import Any

from tests.harness.bench.report import Report, Timing, timed
from tests.harness.servers import servers

SMALL = 100_000
DAYS = 8
DAY = date(2026, 3, 8)
READS = 300
# In the order of the index, which else takes most of the time.
FILL = """
INSERT INTO product_metrics_daily (day, product_id, views, likes, orders, units, amount)
SELECT CAST($1 AS date), id, hashint4(n) & 1023, (hashint4(n + 7) & 63) - 8, 1, 1,
    (hashint4(n + 13) & 262143) - 1000
FROM (
    SELECT CAST(md5(CAST(k AS text)) AS uuid) AS id,
        CAST(k AS int) * 8 + CAST($3 AS int) AS n
    FROM generate_series(1, CAST($2 AS int)) AS k ORDER BY id
) AS products
"""


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Rank a day of each size, and read it."""
    with servers() as superuser:
        from tests.support.backends import own_database  # imported when the environment is set

        for size in (SMALL, arguments.size):
            with own_database(superuser) as url:
                os.environ["DATABASE_URL"] = url
                report.say(f"{size:,} products get {DAYS} days of metrics")
                fill(size)
                report.say("the day is ranked")
                for what, figures in measured().items():
                    report.add(f"a day without a board, {size:,} products", what, "", **figures)


def fill(products: int) -> None:
    """Let each product have a row on each day."""
    from commerce.runtime.db import pipeline
    from commerce.runtime.db.current import database
    from commerce.runtime.db.pipeline import Query

    pipeline.ANSWER_SECONDS = 600.0  # what functions never wait for: filling, and one statement
    database().close()
    database().run([Query("SET statement_timeout = 0")])
    for age in range(DAYS):
        database().run([Query(FILL, [DAY - timedelta(days=age), products, age])])
    database().run([Query("VACUUM ANALYZE product_metrics_daily")])


def measured() -> dict[str, dict[str, Any]]:
    """Rank the day in both ways, compare, and read it through the handler."""
    from commerce.app.transactions import in_transaction
    from commerce.ranking import RankingFacade, Weights
    from commerce.ranking.periods import Period, Span
    from tests.support.lambda_calls import call
    from tests.support.ranking import planned, publish, rank_chunks, shown
    from tests.support.statements import counted

    span = Span.containing(Period.DAILY, DAY)
    plain: list[Any] = []
    in_one = timed(lambda: plain.extend(in_transaction(RankingFacade.top_of_day, DAY, Weights())))
    plans: list[Any] = []
    planning = timed(lambda: plans.append(planned(span)))
    chunks = [timed(each) for each in rank_chunks(plans[0])]
    publishing = timed(lambda: publish(plans[0]))
    if shown(span) != plain or len(plain) != 1000:
        raise RuntimeError("the ranking is not the right one")

    def read() -> None:
        path = f"/rankings?at={span.key}&limit=100&page=10"
        if call("ranking/get_rankings", "GET", path).status != 200:
            raise RuntimeError("the day is not answered")

    read()
    with counted() as sent:
        read()
    timing = Timing.of([timed(read) for _ in range(READS)])
    return {
        "one statement": {"seconds": round(in_one, 2)},
        "in chunks": {
            "seconds": round(planning + sum(chunks) + publishing, 2),
            "chunks": len(chunks),
            "slowest_statement_seconds": round(max([*chunks, publishing]), 2),
        },
        "read, 100 places from 900 on": {
            "statements": sent.count,
            "p50_ms": timing.p50_ms,
            "p99_ms": timing.p99_ms,
        },
    }
