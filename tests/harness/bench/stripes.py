"""Orders of one hot product whose stock is in one row, or dealt out to several, in one run.

Eight processes through the real handler, half a millisecond of network for each round trip, and
commits that take their time, as a replica that must agree makes them. Each number of rows has its
turn in each round, on the same server, so that whatever else the machine does hits all of them.
Beside them pgbench does a plain order's statements with the hot row last, out of one row and out of
16: what the database can bear. CPU is that of the whole machine while it was measured: near 1, the
processors are the limit.
"""

import argparse
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random
from statistics import median
from time import perf_counter, time
from typing import Any

import psutil

from tests.harness.bench.coupons import set_commits
from tests.harness.bench.orders import (
    DELAY_SECONDS,
    PROCESSES,
    SECONDS,
    WARM_UP,
    pgbench,
    placing,
    prepare,
    prepared,
)
from tests.harness.bench.report import Report, Timing
from tests.harness.servers import servers

ROWS = (1, 4, 8, 16, 32)
ROUNDS = 2
COMMITS = {"2 ms": 2_000, "10 ms": 10_000, "100 ms": 100_000}
"""commit_delay in µs, with commit_siblings=0. At the slowest the processors are not the limit."""
STRIPED = {
    "random(1, :products)": str(ROWS.index(16) + 1),
    "UPDATE stock SET": "UPDATE stock_stripe SET",
    "WHERE product_id = CAST(:pid AS uuid) AND quantity >= 1": (
        "WHERE product_id = CAST(:pid AS uuid) AND number = (SELECT number FROM stock_stripe"
        " WHERE product_id = CAST(:pid AS uuid) ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)"
    ),
}
"""Replacements in pgbench's script that make it use 16 rows."""
GOAL = "ratio ≥ 4 at commits of 2 ms"


@dataclass(slots=True)
class Outcome:
    """Result of one process, with the CPU seconds it took."""

    seconds: list[float]
    processor_seconds: float
    round_trips: int


@dataclass(slots=True)
class Turn:
    """One turn of one number of rows."""

    per_second: float
    seconds: list[float]
    cpu: float
    load: float
    ours_ms: float
    """Milliseconds of processor per order in the function; the database's are not in it."""
    round_trips: float


_all_are_ready: list[Any] = []
_counts: list[Counter[str]] = []


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Order one product with eight processes, for each number of rows and each speed of commits."""
    spawn = get_context("spawn")
    with servers() as superuser:
        products = prepare(products=len(ROWS))
        _deal_out(products)
        for commits, delay in COMMITS.items():
            set_commits(superuser, delay, 0)
            one_row = max(pgbench(1, DELAY_SECONDS) for _ in range(ROUNDS))
            striped = max(pgbench(1, DELAY_SECONDS, STRIPED) for _ in range(ROUNDS))
            with ProcessPoolExecutor(
                PROCESSES, spawn, initializer=_begin, initargs=(spawn.Barrier(PROCESSES),)
            ) as processes:
                turns: dict[int, list[Turn]] = {rows: [] for rows in ROWS}
                for number in range(ROUNDS):
                    for rows, product in zip(ROWS, products, strict=True):
                        report.say(f"commits {commits}, {rows} rows, round {number + 1}")
                        turns[rows].append(_measured(processes, product))
            _add(report, commits, turns, {"one row": one_row, "16 rows": striped})


def _add(
    report: Report, commits: str, turns: dict[int, list[Turn]], floors: dict[str, float]
) -> None:
    table = f"orders a second of one hot product, commits of {commits}"
    for what, floor in floors.items():
        ratio = round(floor / floors["one row"], 2)
        report.add(table, f"pgbench, {what}", "", per_second=round(floor), ratio=ratio)
    for rows, found in turns.items():
        ratios = [
            turn.per_second / one.per_second for turn, one in zip(found, turns[1], strict=True)
        ]
        timing = Timing.of([each for turn in found for each in turn.seconds])
        report.add(
            table,
            f"{rows} {'row' if rows == 1 else 'rows'}",
            GOAL if rows == 16 else "",
            per_second=", ".join(str(round(turn.per_second)) for turn in found),
            ratio=round(median(ratios), 2),
            p50_ms=timing.p50_ms,
            p99_ms=timing.p99_ms,
            CPU=round(median(turn.cpu for turn in found), 2),
            function_CPU_ms=round(median(turn.ours_ms for turn in found), 2),
            round_trips=round(median(turn.round_trips for turn in found), 2),
            load=round(median(turn.load for turn in found), 1),
        )


def _deal_out(products: tuple[str, ...]) -> None:
    from tests.support.shop import set_stripes

    for rows, product in zip(ROWS, products, strict=True):
        set_stripes(product, rows)


def _measured(processes: ProcessPoolExecutor, product: str) -> Turn:
    psutil.cpu_percent()
    found = list(processes.map(_order_for_a_while, [product] * PROCESSES))
    cpu = psutil.cpu_percent() / 100
    seconds = [took for each in found for took in each.seconds]
    return Turn(
        per_second=len(seconds) / SECONDS,
        seconds=seconds,
        cpu=cpu,
        load=psutil.getloadavg()[0],
        ours_ms=1000 * sum(each.processor_seconds for each in found) / len(seconds),
        round_trips=sum(each.round_trips for each in found) / len(seconds),
    )


def _begin(barrier: Any) -> None:
    """Prepare a worker process: import the network, keep records in memory, disable logging."""
    _all_are_ready.append(barrier)
    _counts.append(prepared(DELAY_SECONDS))


def _order_for_a_while(product: str) -> Outcome:
    from commerce.runtime.db.current import database

    database().close()  # this turn's commits are as slow as new connections are told
    place, chance = placing((product,)), Random(os.getpid())  # noqa: S311
    [counts] = _counts
    for _ in range(WARM_UP):
        place(chance)
    _all_are_ready[0].wait()
    counts.clear()
    took: list[float] = []
    began, ends_at = os.times(), time() + SECONDS
    while time() < ends_at:
        started = perf_counter()
        place(chance)
        took.append(perf_counter() - started)
    done = os.times()
    processor = done.user + done.system - began.user - began.system
    return Outcome(took, processor, counts["round trips"])
