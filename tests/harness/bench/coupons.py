"""Copies of one hot coupon, by as many processes as ask for it at once, through the real handler.

Half a millisecond is waited for each round trip to PostgreSQL, as a network would. What is left of
the coupon is kept in one row, in as many as the code says, in more, and in a row per copy; each
with commits as fast as this machine has them, and with slower ones, as a replica makes them.
The nudges that would go to SQS are counted instead of sent.
"""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from time import perf_counter, sleep

from sqlalchemy import text

from commerce.runtime.db.statement import Statement
from tests.harness.bench.report import Report, Timing
from tests.harness.servers import servers

PROCESSES = 8
SECONDS = 5
ROUNDS = 2  # in turns, so that whatever else the machine does hits all of them
WARM_UP = 20
ROUND_TRIP_SECONDS = 0.0005
COPIES = 20_000  # more than are issued meanwhile
COMMITS = {"fast": (0, 5), "2 ms": (2_000, 0), "10 ms": (10_000, 0)}  # commit_delay µs, siblings

# A row per copy: begin at one of them, take the next that nobody holds. By index, without a sort.
_TAKE_A_SLOT = """
WITH free AS (
    SELECT number FROM coupon_stripe
    WHERE coupon_id = CAST(:coupon_id AS uuid) AND quantity_left > 0
        AND number >= CAST(:first AS integer)
    ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE coupon_stripe SET quantity_left = quantity_left - 1
    WHERE coupon_id = CAST(:coupon_id AS uuid) AND number = (SELECT number FROM free)
    RETURNING number
)
SELECT require((SELECT count(*) FROM taken) = 1, 'coupon_left')
"""


_all_are_ready: list[Barrier] = []
_nudges: list[int] = []


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Issue one coupon with eight processes, for each number of rows and each speed of commits."""
    spawn = get_context("spawn")
    with servers() as superuser:
        from commerce.coupon.repository import STRIPES

        with ProcessPoolExecutor(
            PROCESSES, spawn, initializer=_begin, initargs=(spawn.Barrier(PROCESSES),)
        ) as processes:
            for commits, (delay, siblings) in COMMITS.items():
                set_commits(superuser, delay, siblings)
                rows = (1, STRIPES, 4 * STRIPES, COPIES)
                for number, stripes in [(n, each) for n in range(ROUNDS) for each in rows]:
                    report.say(f"commits {commits}, {stripes} rows, round {number + 1}")
                    name = f"{stripes} {'row' if stripes == 1 else 'rows'}"
                    ours = " (ours)" if stripes == STRIPES else ""
                    figures = measured(processes, stripes)
                    report.add(
                        f"a hot coupon's copies, commits {commits}", name + ours, "", **figures
                    )


def set_commits(superuser: str, delay: int, siblings: int) -> None:
    """Let each new connection's commits take so long."""
    from commerce.runtime.db.connection import Database
    from commerce.runtime.db.pipeline import Query

    database = Database(lambda: superuser)
    for name, value in (("commit_delay", delay), ("commit_siblings", siblings)):
        database.run([Query(f"ALTER ROLE lastunit SET {name} = {value}")])
    database.close()


def measured(processes: ProcessPoolExecutor, stripes: int) -> dict[str, float]:
    """Issue for a while, and see that as many copies are there as users were told."""
    from commerce.coupon import repository
    from tests.support.coupons import a_coupon, copies_of

    repository.STRIPES = stripes
    coupon = a_coupon(total_quantity=COPIES)
    work = [(coupon, stripes)] * PROCESSES
    found = list(processes.map(issue_for_a_while, *zip(*work, strict=True)))
    seconds = [each for took, _ in found for each in took]
    timing = Timing.of(seconds)
    return {
        "issued_per_second": round(len(seconds) / SECONDS),
        "p50_ms": timing.p50_ms,
        "p99_ms": timing.p99_ms,
        "copies": copies_of(coupon),
        "told": len(seconds) + PROCESSES * WARM_UP,
        "nudges_not_sent": sum(nudges for _, nudges in found),
    }


def _begin(barrier: Barrier) -> None:
    """Prepare a worker process: import the network, disable nudges and logging."""
    from commerce.app import transactions
    from commerce.entrypoints.telemetry import logger
    from commerce.runtime.db.connection import Database
    from commerce.runtime.db.pipeline import Query, Row

    _all_are_ready.append(barrier)
    transactions._nudge_the_relay = lambda: _nudges.append(1)
    for each in logger.handlers:
        each.stream = open(os.devnull, "w")  # type: ignore[attr-defined]  # noqa: PTH123, SIM115
    send = Database.run

    def over_a_network(
        self: Database, queries: Sequence[Query], *, in_transaction: bool = False
    ) -> list[list[Row]]:
        sleep(ROUND_TRIP_SECONDS)
        return send(self, queries, in_transaction=in_transaction)

    Database.run = over_a_network  # type: ignore[method-assign]


def issue_for_a_while(coupon: str, stripes: int) -> tuple[list[float], int]:
    """In a process of its own: the seconds each copy took, and how many nudges there were."""
    from commerce.coupon import repository
    from commerce.runtime.db.current import database
    from tests.support.lambda_calls import function, http_event, lambda_context
    from tests.support.shop import a_buyer

    handler, context = function("coupon/issue_coupon"), lambda_context()
    path = f"/coupons/{coupon}/issues"
    sql = vars(repository)["sql"]  # the statements as they were compiled ahead
    take = sql.TAKE
    repository.STRIPES = stripes
    if stripes == COPIES:
        sql.TAKE = Statement(text(_TAKE_A_SLOT))

    def issue() -> float:
        event = http_event("POST", path, token=a_buyer().token)
        started = perf_counter()
        answer = handler(event, context)
        if answer["statusCode"] != 201:
            raise RuntimeError(answer["body"])
        return perf_counter() - started

    database().close()  # the next connection's commits are as they are to be
    _nudges.clear()
    for _ in range(WARM_UP):
        issue()
    _all_are_ready[0].wait(120)
    took: list[float] = []
    started = perf_counter()
    while perf_counter() < started + SECONDS:
        took.append(issue())
    sql.TAKE = take
    return took, len(_nudges)
