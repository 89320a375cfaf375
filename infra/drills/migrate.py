"""Downgrade a shop's schema as far as this release runs on it, and upgrade it under orders."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from infra.drills.frame import Report
from infra.drills.load import Filled, check_books, fill_shop, orders_going_on
from infra.template import ROOT

LONGEST_LOCK_SECONDS = 3.0  # spec §11
LOOK_SECONDS = 0.02
MIGRATING = "lastunit"
"""The application name of a migration's session; those of functions have a number behind it."""
BLOCKS_WRITES = ["ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]

Contents = dict[str, int]
"""The rows of each table, and of each column those that have a value, by `table` and
`table.column`."""

_COLUMNS = """
    SELECT table_name, column_name FROM information_schema.columns
    JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1, ordinal_position
"""
_LOCKS = """
    SELECT pg_locks.pid, relname, mode, granted FROM pg_locks
    JOIN pg_class ON pg_class.oid = relation
    JOIN pg_stat_activity AS session ON session.pid = pg_locks.pid
    WHERE session.datname = current_database() AND application_name = $1 AND mode = ANY($2)
        AND relnamespace = 'public'::regnamespace
"""


def prove(report: Report, count: int) -> None:
    """Fill a shop, downgrade it, and upgrade it again while orders are placed."""
    from commerce.runtime.health import SCHEMA_REVISION

    shop = fill_shop(count)
    _operate(shop)
    newest, whole = revision(), contents()
    report.check(
        "A shop is filled",
        f"{len(shop.orders)} orders, some cancelled, with a coupon and in a drop, at {newest}",
        holds=newest == SCHEMA_REVISION,
    )
    check_books(report, f"at {newest}")
    lowest = _downgrade(report, shop)
    _upgrade(report, shop, lowest)
    missing = sorted(set(whole) ^ set(contents()))
    report.check(
        "The schema is as before",
        f"{len(whole)} tables and columns at {revision()}, which differ in {missing or 'nothing'}",
        holds=not missing and revision() == newest,
        only_aws="the migrating function in the deploy, the canary of the code beside it, and the"
        " roll-back by CloudFormation where it fails",
    )
    check_books(report, "after all")


def _operate(shop: Filled) -> None:
    """Do what only newer tables keep: a return, a check of the books, an alert."""
    from commerce.app.alerts.record import raised
    from commerce.runtime.alerts import Alert
    from tests.support.lambda_calls import function, lambda_context
    from tests.support.returns import a_delivered_order, a_return
    from tests.support.shop import an_admin

    buyer = shop.buyers[0]
    delivered = a_delivered_order(buyer, an_admin(), (shop.product, 1))
    a_return(buyer, delivered, (shop.product, 1))
    function("operations/every_five_minutes_reconcile")({}, lambda_context(300))
    raised(Alert("DRILL", "drill", "A drill runs.", {}, "dead-letters.md", "letters"))


def _downgrade(report: Report, shop: Filled) -> str:
    """Go down while this release's code runs; returns the lowest revision at which it does."""
    while True:
        at, before = revision(), contents()
        try:
            alembic("downgrade", "-1")
        except Exception as error:  # noqa: BLE001  (whatever the server says of it)
            is_whole = revision() == at and contents() == before
            report.check(
                f"{at} cannot be downgraded",
                f"{type(error).__name__}: {error}"[:200] + "; nothing was changed",
                holds=is_whole,
            )
            return at
        below, after = revision(), contents()
        why_not = _why_it_does_not_run(shop)
        report.check(
            f"Downgrade from {at} to {below}",
            f"{_changes(before, after)}; this release {why_not or 'places orders on it'}",
            only_aws="how long it takes on a shop of millions",
        )
        if why_not:
            alembic("upgrade", at)
            return at
        if not check_books(report, f"at {below}"):
            return below


def _why_it_does_not_run(shop: Filled) -> str:
    """Return why this release cannot serve on the present schema; empty where it can."""
    from commerce.app.reconciliation import reconcile
    from tests.support.orders import place

    answer = place(shop.buyers[0], (shop.product, 1))
    if answer.status != 201:
        return f"does not place orders on it ({answer.status}): it is as low as it goes"
    try:
        reconcile()
    except Exception as error:  # noqa: BLE001
        return f"cannot read its books ({type(error).__name__}): it is as low as it goes"
    return ""


def _changes(before: Contents, after: Contents) -> str:
    """Say what went with a downgrade, and what it wrote into what stays."""
    gone = {name: rows for name, rows in before.items() if name not in after and rows}
    tables = {name for name in gone if "." not in name}
    lost = [
        f"{name} ({rows} rows)"
        for name, rows in gone.items()
        if name in tables or name.partition(".")[0] not in tables
    ]
    written = [
        f"{name} ({rows - before[name]} values)"
        for name, rows in after.items()
        if "." in name and rows > before.get(name, rows)
    ]
    return "; ".join(
        [
            f"it would lose {', '.join(lost)}" if lost else "it loses no row",
            *([f"it writes {', '.join(written)}"] if written else []),
        ]
    )


def _upgrade(report: Report, shop: Filled, lowest: str) -> None:
    """Upgrade revision by revision while orders go on; no lock may be held for long."""
    with orders_going_on(shop.product) as placed:
        for each in _revisions_above(lowest):
            with watched_locks() as locks:
                alembic("upgrade", each)
            report.check(
                f"Upgrade to {each}",
                str(locks),
                holds=locks.longest_seconds <= LONGEST_LOCK_SECONDS,
                only_aws="its locks among the requests of a production load",
            )
        enough = time.monotonic() + 1
        while time.monotonic() < enough or not placed.orders:
            time.sleep(LOOK_SECONDS)
    report.check(
        "Orders go on during the upgrade",
        f"{placed}. The code of the release before on a newer schema is tested by"
        " tests/integration/product/test_stock_migration.py",
        holds=bool(placed.orders) and not placed.failures,
    )
    check_books(report, f"at {revision()}")


# --- the schema -----------------------------------------------------------------------------------


def _config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ROOT / "infra" / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def alembic(act: str, to: str) -> None:
    """Run alembic's upgrade or downgrade on the database of DATABASE_URL."""
    from alembic import command

    getattr(command, act)(_config(), to)


def _revisions_above(lowest: str) -> list[str]:
    from alembic.script import ScriptDirectory

    found = ScriptDirectory.from_config(_config()).walk_revisions()
    return sorted(each.revision for each in found if each.revision > lowest)


def revision() -> str:
    """Return the schema's revision."""
    from tests.support.shop import rows

    return str(rows("SELECT version_num FROM alembic_version")[0].version_num)


def contents() -> Contents:
    """Count the rows of each table, and the values of each column."""
    from tests.support.shop import rows

    columns: dict[str, list[str]] = {}
    for row in rows(_COLUMNS):
        columns.setdefault(row.table_name, []).append(row.column_name)
    found: Contents = {}
    for table, names in columns.items():
        counts = ", ".join(f'count("{each}")' for each in names)
        [row] = rows(f'SELECT count(*), {counts} FROM "{table}"')  # noqa: S608  (the catalogue's)
        found[table] = row[0]
        found |= {f"{table}.{name}": n for name, n in zip(names, row[1:], strict=True)}
    return found


# --- locks ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Locks:
    """The locks of a migration that keep others from writing: how long each was held, or awaited.

    A table that the migration itself makes is seen by no other session, and is not counted.
    """

    seen: dict[tuple[Any, ...], tuple[float, float]] = field(default_factory=dict)

    def note(self, lock: tuple[Any, ...], now: float) -> None:
        """Note that a lock is there."""
        first, _ = self.seen.get(lock, (now, now))
        self.seen[lock] = (first, now)

    @property
    def longest_seconds(self) -> float:
        """The seconds for which the longest of them was held or awaited."""
        return max((last - first for first, last in self.seen.values()), default=0.0)

    def __str__(self) -> str:
        """Return the longest in words."""
        if not self.seen:
            return f"no lock that stops writes was seen (every {LOOK_SECONDS * 1000:.0f} ms)"
        (_, table, mode, granted), _ = max(self.seen.items(), key=lambda it: it[1][1] - it[1][0])
        held = "held" if granted else "awaited"
        tables = len({lock[1] for lock in self.seen})
        seconds = f"{held} for {self.longest_seconds:.2f} s"
        return f"locks on {tables} tables; the longest {mode} on {table}, {seconds}"


@contextmanager
def watched_locks() -> Iterator[Locks]:
    """Look at the migration's locks every few milliseconds while the block lasts."""
    from commerce.runtime.db.connection import Database
    from commerce.runtime.db.pipeline import Query

    url, locks, over = os.environ["DATABASE_URL"], Locks(), Event()

    def look() -> None:
        observer = Database(lambda: url)
        try:
            while not over.wait(LOOK_SECONDS):
                [found] = observer.run([Query(_LOCKS, [MIGRATING, BLOCKS_WRITES])])
                for row in found:
                    locks.note(tuple(row), time.monotonic())
        finally:
            observer.close()

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            yield locks
        finally:
            over.set()
        looking.result()
