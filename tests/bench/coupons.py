"""Copies of one hot coupon, by as many processes as ask for it at once, through the real handler.

Half a millisecond is waited for each round trip to PostgreSQL, as a network would. What is left of
the coupon is kept in one row, in as many as the code says, in more, and in a row per copy; each
with commits as fast as this machine has them, and with commits that take two milliseconds.
The nudges that would go to SQS are counted instead of sent.
"""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from time import perf_counter, sleep
from typing import Any

from tests.bench.report import Report, Timing
from tests.bench.servers import servers

PROCESSES = 8
SECONDS = 6
WARM_UP = 30
ROUND_TRIP_SECONDS = 0.0005
COPIES = 50_000  # more than are issued meanwhile
COMMITS = {"fast": (0, 5), "2 ms": (2000, 0)}  # commit_delay in µs, commit_siblings

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


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Issue one coupon with eight processes, for each number of rows and each speed of commits."""
    with servers() as superuser:
        from commerce.coupon.repository import STRIPES

        for commits, (delay, siblings) in COMMITS.items():
            set_commits(superuser, delay, siblings)
            for stripes in (1, STRIPES, 4 * STRIPES, COPIES):
                report.say(f"commits {commits}: {stripes} rows, {PROCESSES} processes")
                measure(report, commits, stripes, is_ours=stripes == STRIPES)


def set_commits(superuser: str, delay: int, siblings: int) -> None:
    """Let each new connection's commits take so long."""
    from commerce.shared.database import Database, Query

    database = Database(lambda: superuser)
    for name, value in (("commit_delay", delay), ("commit_siblings", siblings)):
        database.run([Query(f"ALTER ROLE lastunit SET {name} = {value}")])
    database.close()


def measure(report: Report, commits: str, stripes: int, *, is_ours: bool) -> None:
    """Issue for a while, and see that as many copies are there as users were told."""
    from commerce.bootstrap import database
    from commerce.coupon import repository
    from tests.support.coupons import a_coupon, copies_of

    repository.STRIPES = stripes
    coupon = a_coupon(total_quantity=COPIES)
    database().close()
    work, spawn = (coupon, stripes), get_context("spawn")
    with ProcessPoolExecutor(
        PROCESSES, spawn, initializer=_start_with, initargs=(spawn.Barrier(PROCESSES),)
    ) as processes:
        found = list(processes.map(issue_for_a_while, *zip(*[work] * PROCESSES, strict=True)))
    seconds = [each for took, _ in found for each in took]
    timing = Timing.of(seconds)
    report.add(
        f"copies of one hot coupon, commits {commits}",
        f"{stripes} {'row' if stripes == 1 else 'rows'}{' (ours)' if is_ours else ''}",
        issued_per_second=round(len(seconds) / SECONDS),
        p50_ms=timing.p50_ms,
        p99_ms=timing.p99_ms,
        copies=copies_of(coupon),
        told=len(seconds) + PROCESSES * WARM_UP,
        nudges_not_sent=sum(nudges for _, nudges in found),
    )


_all_are_ready: list[Barrier] = []


def _start_with(barrier: Barrier) -> None:
    _all_are_ready.append(barrier)


def issue_for_a_while(coupon: str, stripes: int) -> tuple[list[float], int]:
    """In a process of its own: the seconds each copy took, and how many nudges there were."""
    from sqlalchemy import text

    from commerce import bootstrap
    from commerce.coupon import repository
    from commerce.entrypoints.telemetry import logger
    from commerce.shared.database import Database, Query, Row, Statement
    from tests.support.lambda_calls import function, http_event, lambda_context
    from tests.support.shop import a_buyer

    nudges: list[int] = []
    bootstrap._nudge_the_relay = lambda: nudges.append(1)
    repository.STRIPES = stripes
    if stripes == COPIES:
        repository._TAKE = Statement(text(_TAKE_A_SLOT))
    send = Database.run

    def over_a_network(
        self: Database, queries: Sequence[Query], *, in_transaction: bool = False
    ) -> list[list[Row]]:
        sleep(ROUND_TRIP_SECONDS)
        return send(self, queries, in_transaction=in_transaction)

    Database.run = over_a_network  # type: ignore[method-assign]
    handler, context, path = function("coupon/issue_coupon"), lambda_context(), "/coupons"

    def issue() -> float:
        event: Any = http_event("POST", f"{path}/{coupon}/issues", token=a_buyer().token)
        started = perf_counter()
        answer = handler(event, context)
        if answer["statusCode"] != 201:
            raise RuntimeError(answer["body"])
        return perf_counter() - started

    took: list[float] = []
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        for each in logger.handlers:
            each.stream = nowhere  # type: ignore[attr-defined]
        for _ in range(WARM_UP):
            issue()
        _all_are_ready[0].wait(120)
        started = perf_counter()
        while perf_counter() < started + SECONDS:
            took.append(issue())
        return took, len(nudges)
