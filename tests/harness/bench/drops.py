"""Drops: joins next to pgbench, seal, draw and offers at two sizes, and whole drops at two sizes.

`--size` is the number of entries of the larger whole drop, which waits at the look at one's place;
the draw has a tenth of them, and the offers a fiftieth. Entries are made by one statement where
they are not what is measured. CPU is that of the one backend that serves promote.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from statistics import median
from threading import Event, Thread
from time import time
from typing import Any
from uuid import UUID

import psutil

from tests.harness.bench.floor import transactions_per_second
from tests.harness.bench.releases import releases
from tests.harness.bench.report import Report, Timing, timed
from tests.harness.servers import servers

PROCESSES = 8
SECONDS = 10
USERS = 60_000
WARM_UP = 50
LOOKS = 500
PAGE = 10_000  # entries of a page of a proof
UNITS = 50
TABLE = "drops"

_USERS = """
    INSERT INTO user_account
        (id, login_id, password_hash, name, email, birth_date, gender, version, created_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'u' || n, '', 'Wile', n || '@example.com', '1990-04-12',
        'OTHER', 1, now()
    FROM generate_series($1::bigint, $2::bigint) AS n RETURNING 1
"""
_ENTRIES = """
    INSERT INTO drop_entry
        (id, drop_id, product_id, user_id, person, status, joined_at, version)
    SELECT gen_random_uuid(), d.id, lot.product_id, gen_random_uuid(), md5(n::text), 'JOINED',
        d.entries_at + n * interval '1 microsecond', 1
    FROM generate_series($1::bigint, $2::bigint) AS n, product_drop AS d
    JOIN drop_lot AS lot ON lot.drop_id = d.id WHERE d.id = $3 RETURNING 1
"""
_CHUNK = 5_000  # inserted by one statement, which has to end in time
_MIDDLE = """
    SELECT user_id FROM drop_entry JOIN drop_place ON entry_id = id
    WHERE drop_place.drop_id = $1 AND drop_place.position >= $2
    ORDER BY drop_place.position LIMIT $3
"""
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
    """Measure releases where a system runs, joins, the seal and the draw, offers, whole drops."""
    releases(report)
    os.environ.setdefault("FINGERPRINT_KEY", "the fingerprints of benchmarks are no secret")
    with servers():
        joins(report)
        size: int = arguments.size
        draws(report, size // 10)
        offers(report, size // 50)
        whole_drops(report, size)


def joins(report: Report) -> None:
    """Enter one drop with eight processes through the real handler, after pgbench did the same."""
    from tests.support.drops import a_drop, begin_entries

    _fill(_USERS, USERS)
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
        per_entry[size] = draw.seconds / size
        ratio = {"ratio": round(per_entry[size] / per_entry[entries // 10], 2)}
        report.add(
            TABLE,
            f"seal of {size:,} entries",
            "",
            **seal.figures,
            longest_join_ms=round(longest_join * 1000, 1),
        )
        report.add(
            TABLE,
            f"draw of {size:,} entries",
            "100,000: ≤ 2 s; linear",
            **(ratio if size == entries else {}),
            **draw.figures,
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


def whole_drops(report: Report, entries: int) -> None:
    """Take a drop from its seal to its end, and one of a thousandth of its size."""
    medians: dict[int, float] = {}
    for size in (entries // 1000, entries):
        report.say(f"a whole drop of {size:,} entries: it is filled first")
        drop_id = entered(size)
        seal, draw, longest_join = drawn(drop_id)
        name = f"a whole drop of {size:,}"
        join = {"longest_join_ms": round(longest_join * 1000, 1)}
        report.add(TABLE, f"{name}: seal", "", **seal.figures, **join)
        report.add(TABLE, f"{name}: draw", "", **draw.figures)
        report.add(
            TABLE, f"{name}: first {UNITS} offers", "", **_cost(partial(_promote, drop_id)).figures
        )
        seconds = looked(drop_id, size)
        medians[size] = median(seconds)
        timing = Timing.of(seconds)
        ratio = {"ratio": round(medians[size] / medians[entries // 1000], 2)}
        report.add(
            TABLE,
            f"a look at one's place, {size:,} waiting",
            "1,000,000: ≤ 3 ms",
            **(ratio if size == entries else {}),
            p50_ms=timing.p50_ms,
            p99_ms=timing.p99_ms,
        )
        report.add(
            TABLE, f"{name}: proof read and verified", "", **_cost(partial(proved, drop_id)).figures
        )
        report.add(TABLE, f"{name}: end", "", **_cost(partial(ended, drop_id)).figures)


def looked(drop_id: UUID, waiting: int) -> list[float]:
    """Return the seconds of looks at places in the middle of the line."""
    from commerce.app.transactions import in_transaction
    from commerce.drop import DropFacade
    from tests.support.shop import rows

    users = [row.user_id for row in rows(_MIDDLE, drop_id, waiting // 2, LOOKS)]

    def look(user: UUID) -> float:
        return timed(lambda: in_transaction(DropFacade.entry, str(drop_id), user_id=user))

    for user in users[:WARM_UP]:
        look(user)
    return [look(user) for user in users]


def proved(drop_id: UUID) -> None:
    """Read a drop's whole proof by pages, and verify it. Raises RuntimeError if it is not valid."""
    from docs.verify_drop import verify
    from tests.support.drops import a_proof

    if failures := [claim for claim, holds in verify(a_proof(drop_id, PAGE)) if not holds]:
        raise RuntimeError(f"the proof fails: {failures}")


def ended(drop_id: UUID) -> None:
    """Let the time of the drop be over, and promote end it."""
    from tests.support.drops import end_claims, shift

    end_claims(drop_id)
    hours = {"entries_at": 3, "draws_at": 2, "offers_until": 1}
    shift(drop_id, **{name: f"clock_timestamp() - interval '{n} h'" for name, n in hours.items()})
    _promote(drop_id)


def _promote(drop_id: UUID) -> None:
    from tests.support.drops import promote

    promote(drop_id)


@dataclass(frozen=True, slots=True)
class Cost:
    """The time that something took, and the CPU that its backend spent on it."""

    seconds: float
    cpu_seconds: float

    @property
    def figures(self) -> dict[str, float]:
        """Both, as they are printed."""
        return {"seconds": round(self.seconds, 2), "postgres_cpu_s": round(self.cpu_seconds, 2)}


def _cost(work: Callable[[], object]) -> Cost:
    from tests.support.shop import rows

    backend = psutil.Process(rows("SELECT pg_backend_pid() AS pid")[0].pid)

    def spent() -> float:
        times = backend.cpu_times()
        return float(times.user + times.system)

    before = spent()
    seconds = timed(work)
    return Cost(seconds, spent() - before)


def _fill(sql: str, number: int, *more: object) -> None:
    from tests.support.shop import rows

    for first in range(1, number + 1, _CHUNK):
        rows(sql, first, min(number, first + _CHUNK - 1), *more)


def entered(entries: int, *, units: int = UNITS) -> UUID:
    """Return a drop with so many entries, at the time of its draw."""
    from tests.support.drops import a_drop, begin_entries, reach_draw
    from tests.support.shop import rows

    drop_id = a_drop(units)
    begin_entries(drop_id)
    _fill(_ENTRIES, entries, drop_id)
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


def drawn(drop_id: UUID) -> tuple[Cost, Cost, float]:
    """Seal and draw, in the steps of promote.

    Returns the cost of each, and the seconds of the longest join while it was sealed.
    """
    from commerce.app.transactions import in_transaction
    from commerce.drop import Draw, DropFacade, DropPromotion, Step
    from tests.support.drops import SIGNATURE

    awaited: list[Draw] = []

    def seal() -> None:
        step = Step()
        while not awaited:
            step = in_transaction(DropPromotion.step, drop_id, step.marked_until)
            awaited.extend([step.awaits] if step.awaits else [])

    def draw() -> None:
        in_transaction(DropPromotion.take_round, awaited[0], SIGNATURE)
        while in_transaction(DropFacade.get, str(drop_id)).state == "SEALED":
            in_transaction(DropPromotion.step, drop_id)

    with joining(drop_id) as waits:
        sealing = _cost(seal)
    return sealing, _cost(draw), max(waits, default=0.0)
