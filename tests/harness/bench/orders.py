"""Orders through the real handler, next to pgbench writing the same rows on the same server.

One hot product with 0.5 ms of network before each answer of the database, and 10,000 products
without. Both sides wait by sleeping, once per round trip: pgbench after each statement, we after
each batch. There is no DynamoDB here: Powertools' records are kept in memory and its calls counted,
as are the nudges that would go to SQS.
"""

import argparse
import os
import re
import resource
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random, sample
from time import perf_counter, sleep, time
from typing import Any
from uuid import UUID

from tests.harness.bench.floor import transactions_per_second
from tests.harness.bench.report import Report, Timing
from tests.harness.servers import servers

PROCESSES = 8
SECONDS = 10
DELAY_SECONDS = 0.0005
PRODUCTS = 10_000
BUYERS = 20_000
WARM_UP = 30
ALONE = 1_000
FLOOR = Path(__file__).with_name("order_late.sql")

# Buyers are numbers, so that pgbench can name them too.
_SETUP = """
INSERT INTO point_account (user_id, balance, currency, version)
SELECT lpad(to_hex(n), 32, '0')::uuid, 1000000, 'KRW', 1 FROM generate_series(1, {buyers}) AS n;
WITH made AS (
    INSERT INTO product (id, brand_id, name, description, price_amount, price_currency, like_count,
        version, created_at)
    SELECT gen_random_uuid(), brand.id, 'Anvil', 'Heavy.', 1, 'KRW', 0, 1, now()
    FROM generate_series(1, {products}), (SELECT id FROM brand LIMIT 1) AS brand
    RETURNING id
), stocked AS (
    INSERT INTO stock (product_id, quantity, on_hand, version)
    SELECT id, 100000000, 100000000, 1 FROM made
)
SELECT id FROM made;
CREATE TABLE bench_product AS
    SELECT row_number() OVER (ORDER BY id) AS position, id, brand_id FROM product;
ALTER TABLE bench_product ADD PRIMARY KEY (position);
ANALYZE
"""


@dataclass(frozen=True, slots=True)
class Load:
    """Work of each process, and the moment at which all begin."""

    products: tuple[str, ...]
    delay_seconds: float
    start: Any
    """A barrier: they begin when all are warm."""
    seconds: float


@dataclass(slots=True)
class Outcome:
    """Result of one process."""

    seconds: list[float]
    counts: Counter[str]


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Measure orders of one hot product, of many, of one client alone, and a process' memory."""
    with servers():
        products = prepare(PRODUCTS)
        table = "orders a second, 8 processes, next to pgbench with the hot row last"
        for what, chosen, delay, goal in (
            ("one hot product, 0.5 ms network", products[:1], DELAY_SECONDS, "ratio ≥ 0.6"),
            ("10,000 products, no delay", products, 0.0, "ratio ≥ 0.4"),
        ):
            report.say(f"{what}: pgbench, then {PROCESSES} processes, {SECONDS} s each, twice")
            side_by_side(report, table, what, chosen, delay, goal)
        alone(report, products)


def prepare(products: int) -> tuple[str, ...]:
    """Buyers with points, and products with more units than are sold; the products' ids."""
    from tests.support.shop import a_brand, rows

    a_brand()
    for statement in _SETUP.format(buyers=BUYERS, products=products).split(";"):
        rows(statement)
    found = rows("SELECT id FROM bench_product ORDER BY position")
    return tuple(str(row.id) for row in found)


def side_by_side(
    report: Report, table: str, what: str, products: tuple[str, ...], delay: float, goal: str
) -> None:
    """Both in turns, twice; what each does best counts."""
    floors: list[float] = []
    ours: list[list[Outcome]] = []
    for _ in range(2):
        floors.append(pgbench(len(products), delay))
        ours.append(raced(products, delay))
    best = max(ours, key=lambda each: sum(len(one.seconds) for one in each))
    seconds = [took for each in best for took in each.seconds]
    counts = sum((each.counts for each in best), Counter[str]())
    timing = Timing.of(seconds)
    report.add(
        table,
        what,
        goal,
        pgbench=round(max(floors)),
        ours=round(len(seconds) / SECONDS),
        ratio=round(len(seconds) / SECONDS / max(floors), 2),
        p50_ms=timing.p50_ms,
        p99_ms=timing.p99_ms,
        round_trips=round(counts["round trips"] / len(seconds), 2),
        DynamoDB_calls=round(counts["store"] / len(seconds), 2),
    )


def pgbench(products: int, delay: float, changes: Mapping[str, str] = {}) -> float:
    """Transactions a second of the floor, with some of its text changed."""
    variables = {"buyers": BUYERS, "products": products, "delay": round(delay * 1_000_000)}
    text = FLOOR.read_text()
    for before, after in changes.items():
        if before not in text:
            raise LookupError(f"{FLOOR.name} has no {before!r} to change")
        text = text.replace(before, after)
    script = text if delay else re.sub(r"\\sleep.*\n", "", text)
    return transactions_per_second(script, variables, clients=PROCESSES, seconds=SECONDS)


def raced(products: tuple[str, ...], delay: float) -> list[Outcome]:
    """Order with eight processes at once."""
    context = get_context("spawn")
    with (
        context.Manager() as shared,
        ProcessPoolExecutor(PROCESSES, mp_context=context) as processes,
    ):
        load = Load(products, delay, shared.Barrier(PROCESSES), SECONDS)
        return list(processes.map(order_for_a_while, [load] * PROCESSES))


def order_for_a_while(load: Load) -> Outcome:
    """In a process of its own: the seconds each order took, and what it counted."""
    counts = prepared(load.delay_seconds)
    place, chance = placing(load.products), Random()  # noqa: S311
    took: list[float] = []
    for _ in range(WARM_UP):
        place(chance)
    load.start.wait()
    counts.clear()
    ends_at = time() + load.seconds
    while time() < ends_at:
        started = perf_counter()
        place(chance)
        took.append(perf_counter() - started)
    return Outcome(took, counts)


def prepared(delay_seconds: float) -> Counter[str]:
    """Let this process wait for its database, keep Powertools' records in memory, and count."""
    from commerce.app import transactions
    from commerce.entrypoints import idempotency
    from commerce.entrypoints.telemetry import logger
    from commerce.runtime.db.connection import Database
    from tests.harness.bench.memory_store import MemoryStore

    counts: Counter[str] = Counter()
    store = MemoryStore(counts)
    idempotency._store = lambda: store  # type: ignore[assignment]
    transactions._nudge_the_relay = lambda: counts.update(["nudges"])
    ask = Database.run

    def delayed(self: Database, *queries: Any, **options: Any) -> Any:
        counts["round trips"] += 1
        if delay_seconds:
            sleep(delay_seconds)
        return ask(self, *queries, **options)

    Database.run = delayed  # type: ignore[method-assign]
    nowhere = Path(os.devnull).open("w")  # noqa: SIM115
    for each in logger.handlers:
        each.stream = nowhere  # type: ignore[attr-defined]
    return counts


def signed_in(number: int) -> list[str]:
    """Return the tokens of some buyers: they have signed in before, by other requests."""
    from commerce.runtime import tokens

    return [tokens.sign(UUID(int=each)) for each in sample(range(1, BUYERS + 1), number)]


def placing(products: tuple[str, ...]) -> Any:
    """Return a call that orders one unit of one of the products, as some buyer."""
    from tests.support.lambda_calls import function, http_event, lambda_context
    from tests.support.shop import a_key

    handler, context = function("order/place_order"), lambda_context()
    buyers = signed_in(500)

    def place(chance: Random) -> None:
        token = chance.choice(buyers)
        line = {"product_id": chance.choice(products), "quantity": 1}
        body = {"lines": [line], "payment_method": "POINT"}
        answer = handler(
            http_event("POST", "/orders", body=body, token=token, key=a_key()), context
        )
        if answer["statusCode"] != 201:
            raise RuntimeError(answer["body"])

    return place


def alone(report: Report, products: tuple[str, ...]) -> None:
    """One client, one process: how long an order takes, and how much memory it ever needed."""
    report.say(f"{ALONE:,} orders by one client")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        timing, peak = processes.submit(order_alone, products).result()
    report.add("one client", "placing an order", "p50 ≤ 8, p99 ≤ 25",
               p50_ms=timing.p50_ms, p99_ms=timing.p99_ms)  # fmt: skip
    report.add("one client", "peak memory of the warm handler", "≤ 128 MB", peak_MB=peak)


def order_alone(products: tuple[str, ...]) -> tuple[Timing, float]:
    """In a process of its own: the timing of many orders, and its peak memory in MB."""
    prepared(0)
    place, chance = placing(products), Random(1)  # noqa: S311
    took = []
    for number in range(-WARM_UP, ALONE):
        started = perf_counter()
        place(chance)
        if number >= 0:
            took.append(perf_counter() - started)
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    return Timing.of(took), round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)
