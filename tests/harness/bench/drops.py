"""Drops: joins next to pgbench, seal, draw and offers at two sizes, and a look at one's place.

`--size` is the number of those who wait at the look; the draw has a tenth of them, and the offers a
fiftieth. Entries are made by one statement where they are not what is measured.
"""

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from statistics import median
from threading import Event, Thread
from time import time
from typing import Any
from uuid import UUID

from tests.harness.bench.floor import transactions_per_second
from tests.harness.bench.report import Report, Timing, timed
from tests.harness.servers import servers

PROCESSES = 8
SECONDS = 10
USERS = 60_000
WARM_UP = 50
LOOKS = 500
UNITS = 50
TABLE = "drops"

_USERS = """
    INSERT INTO user_account
        (id, login_id, password_hash, name, email, birth_date, gender, version, created_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'u' || n, '', 'Wile', n || '@example.com', '1990-04-12',
        'OTHER', 1, now()
    FROM generate_series(1, $1::bigint) AS n RETURNING 1
"""
_ENTRIES = """
    INSERT INTO drop_entry
        (id, drop_id, product_id, user_id, person, status, position, joined_at, version)
    SELECT gen_random_uuid(), d.id, lot.product_id, gen_random_uuid(), md5(n::text), $4,
        CASE $4 WHEN 'WAITING' THEN n END, d.entries_at, 1
    FROM generate_series($2::bigint, $3::bigint) AS n, product_drop AS d
    JOIN drop_lot AS lot ON lot.drop_id = d.id WHERE d.id = $1 RETURNING 1
"""
_CHUNK = 5_000  # inserted by one statement, which has to end in time
_DRAWN = "UPDATE product_drop SET state = 'OFFERING' WHERE id = $1 RETURNING 1"
_NUMBERED = "UPDATE drop_lot SET numbered = $2 WHERE drop_id = $1 RETURNING 1"
# The same statements as a join: what the terms ask about the account, the lock, the entry.
_FLOOR = """
\\set user random(1, :users)
SELECT email, created_at, scopes FROM user_account
    WHERE id = lpad(to_hex(CAST(:user AS int)), 32, '0')::uuid;
SELECT id, state, entries_at, draws_at, offers_until, mode FROM product_drop WHERE id = '{drop}';
BEGIN;
SELECT pg_advisory_xact_lock_shared(hashtextextended('{drop}', 8));
INSERT INTO drop_entry (id, drop_id, product_id, user_id, person, status, joined_at, version)
    SELECT gen_random_uuid(), d.id, lot.product_id, gen_random_uuid(),
        gen_random_uuid()::text, 'JOINED', clock_timestamp(), 1
    FROM product_drop AS d JOIN drop_lot AS lot ON lot.drop_id = d.id WHERE d.id = '{drop}'
    ON CONFLICT ON CONSTRAINT person_enters_once DO NOTHING;
COMMIT;
"""


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Measure joins, the seal and the draw, offers, and a look at one's place."""
    os.environ.setdefault("FINGERPRINT_KEY", "the fingerprints of benchmarks are no secret")
    with servers():
        joins(report)
        size: int = arguments.size
        draws(report, size // 10)
        offers(report, size // 50)
        looks(report, size)


def joins(report: Report) -> None:
    """Enter one drop with eight processes through the real handler, after pgbench did the same."""
    from tests.support.drops import a_drop, begin_entries
    from tests.support.shop import rows

    rows(_USERS, USERS)
    drop_id, floor_id = a_drop(UNITS), a_drop(UNITS)
    for each in (drop_id, floor_id):
        begin_entries(each)
    report.say(f"joins: pgbench, then {PROCESSES} processes, {SECONDS} s each")
    script = _FLOOR.format(drop=floor_id)
    floor = transactions_per_second(script, {"users": USERS}, clients=PROCESSES, seconds=SECONDS)
    spawn = get_context("spawn")
    with spawn.Manager() as manager, ProcessPoolExecutor(PROCESSES, mp_context=spawn) as processes:
        start = manager.Barrier(PROCESSES)
        jobs = [
            processes.submit(join_for_a_while, str(drop_id), number, start)
            for number in range(PROCESSES)
        ]
        seconds = [took for job in jobs for took in job.result()]
    timing = Timing.of(seconds)
    per_second = len(seconds) / SECONDS
    report.add(
        TABLE,
        "joins, 8 processes",
        "≥ 1,000/s; p99 ≤ 50 ms",
        per_second=round(per_second),
        pgbench=round(floor),
        ratio=round(per_second / floor, 2),
        p50_ms=timing.p50_ms,
        p99_ms=timing.p99_ms,
    )


def join_for_a_while(drop_id: str, number: int, start: Any) -> list[float]:
    """In a process of its own: the seconds that each join took, once all processes are warm."""
    from commerce.entrypoints.telemetry import logger
    from commerce.runtime import tokens
    from tests.support.lambda_calls import function, http_event, lambda_context

    handler, context, path = function("drop/enter_drop"), lambda_context(), f"/drops/{drop_id}"
    users = iter(range(1 + number, USERS, PROCESSES))

    def join() -> float:
        token = tokens.sign(UUID(int=next(users)))
        event = http_event("POST", f"{path}/entries", token=token, body={})

        def ask() -> None:
            answer = handler(event, context)
            if answer["statusCode"] != 201:
                raise RuntimeError(answer["body"])

        return timed(ask)

    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        for each in logger.handlers:
            each.stream = nowhere  # type: ignore[attr-defined]
        for _ in range(WARM_UP):
            join()
        start.wait()
        took, ends_at = [], time() + SECONDS
        while time() < ends_at:
            took.append(join())
        return took


def draws(report: Report, entries: int) -> None:
    """Seal and draw a pool, and one of a tenth of its size."""
    per_entry = {}
    for size in (entries // 10, entries):
        report.say(f"the seal and the draw of {size:,} entries")
        seal, draw, longest_join = drawn(entered(size))
        per_entry[size] = draw / size
        ratio = {"ratio": round(draw / size / per_entry[entries // 10], 2)}
        report.add(
            TABLE,
            f"draw of {size:,} entries",
            "100,000: ≤ 2 s; linear",
            **(ratio if size == entries else {}),
            seal_seconds=round(seal, 3),
            longest_join_ms=round(longest_join * 1000, 1),
            draw_seconds=round(draw, 3),
        )


def offers(report: Report, units: int) -> None:
    """Offer so many units to those who wait, in the steps of promote; and a tenth of them."""
    from tests.support.drops import promote

    rates: dict[int, float] = {}
    for size in (units // 10, units):
        report.say(f"offers of {size:,} units")
        drop_id = entered(2 * size, units=size)
        drawn(drop_id)
        rates[size] = size / timed(lambda drop_id=drop_id: promote(drop_id))  # type: ignore[misc]
        ratio = {"ratio": round(rates[size] / rates[units // 10], 2)}
        report.add(
            TABLE,
            f"offers of {size:,} units",
            "≥ 2,000/s",
            **(ratio if size == units else {}),
            per_second=round(rates[size]),
        )


def looks(report: Report, waiting: int) -> None:
    """Look at the places in the middle of a line, and of one of a thousandth of its length."""
    medians: dict[int, float] = {}
    for size in (waiting // 1000, waiting):
        report.say(f"looks at one's place with {size:,} waiting")
        seconds = looked(size)
        medians[size] = median(seconds)
        timing = Timing.of(seconds)
        ratio = {"ratio": round(medians[size] / medians[waiting // 1000], 2)}
        report.add(
            TABLE,
            f"a look at one's place, {size:,} waiting",
            "1,000,000: ≤ 3 ms",
            **(ratio if size == waiting else {}),
            p50_ms=timing.p50_ms,
            p99_ms=timing.p99_ms,
        )


def looked(waiting: int) -> list[float]:
    """Return the seconds of looks at places in the middle of such a line."""
    from commerce.app.transactions import in_transaction
    from commerce.drop import DropFacade
    from tests.support.shop import rows

    drop_id = entered(waiting, status="WAITING")
    rows(_DRAWN, drop_id)
    rows(_NUMBERED, drop_id, waiting)
    sql = "SELECT user_id FROM drop_entry WHERE drop_id = $1 AND position >= $2 ORDER BY position"
    found = rows(f"{sql} LIMIT $3", drop_id, waiting // 2, LOOKS)
    users = [row.user_id for row in found]

    def look(user: UUID) -> float:
        return timed(lambda: in_transaction(DropFacade.entry, str(drop_id), user_id=user))

    for user in users[:WARM_UP]:
        look(user)
    return [look(user) for user in users]


def entered(entries: int, *, units: int = UNITS, status: str = "JOINED") -> UUID:
    """Return a drop with so many entries, at the time of its draw."""
    from tests.support.drops import a_drop, begin_entries, reach_draw
    from tests.support.shop import rows

    drop_id = a_drop(units)
    begin_entries(drop_id)
    for first in range(1, entries + 1, _CHUNK):
        rows(_ENTRIES, drop_id, first, min(entries, first + _CHUNK - 1), status)
    reach_draw(drop_id)
    rows("ANALYZE drop_entry")
    return drop_id


@contextmanager
def joining(drop_id: UUID) -> Iterator[list[float]]:
    """Let others enter within the block, one after another; yields the seconds that each took."""
    from commerce.runtime.db.current import database
    from commerce.shared import clock
    from tests.support.drops import join

    seconds: list[float] = []
    is_over = Event()

    def join_late() -> None:
        while not is_over.wait(0.01):
            seconds.append(timed(lambda: join(drop_id, clock.new_id())))
        database().close()

    joins = Thread(target=join_late)
    joins.start()
    try:
        yield seconds
    finally:
        is_over.set()
        joins.join()


def drawn(drop_id: UUID) -> tuple[float, float, float]:
    """Seal and draw, in the steps of promote.

    Returns the seconds of each, and those of the longest join while it was sealed.
    """
    from commerce.app.transactions import in_transaction
    from commerce.drop import Draw, DropFacade, DropPromotion
    from tests.support.drops import SIGNATURE

    awaited: list[Draw] = []

    def seal() -> None:
        while not awaited:
            step = in_transaction(DropPromotion.step, drop_id)
            awaited.extend([step.awaits] if step.awaits else [])

    def draw() -> None:
        in_transaction(DropPromotion.take_round, awaited[0], SIGNATURE)
        while in_transaction(DropFacade.get, str(drop_id)).state == "SEALED":
            in_transaction(DropPromotion.step, drop_id)

    with joining(drop_id) as waits:
        sealing = timed(seal)
    return sealing, timed(draw), max(waits, default=0.0)
