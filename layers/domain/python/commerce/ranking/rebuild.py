"""Rebuilding a day's board from the products' metrics, while events go on arriving.

Metrics and board count the same events, each at its own pace. So that none is lost or counted
twice, a rebuild (1) makes the board write every event that it counts into a journal, (2) waits
until the metrics have counted all that the board had counted before, (3) reads, in one snapshot,
the metrics and the ids of the events that they have counted, and builds a new board of them,
(4) adds the events of the journal that are not in the snapshot, and replaces the old board. Events
of the snapshot that reach the board only later are known as seen.
"""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby
from operator import methodcaller
from typing import TYPE_CHECKING, Any
from uuid import UUID

from commerce.ranking import scripts
from commerce.ranking.boards import WEIGHTS_KEY, Boards, Keys, Server, weight_values
from commerce.ranking.errors import RebuildRefused
from commerce.ranking.model import CARRIED_FOR, Period, Weights, Window
from commerce.runtime.db.connection import BEGIN, ROLLBACK, Database
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.streaming import in_parts
from commerce.runtime.deadline import Deadline
from commerce.shared import clock

if TYPE_CHECKING:
    from commerce.ranking import statements as sql
else:
    sql = precompiled("commerce.ranking.statements")

ROWS = 2000  # per message
PRODUCTS = 250  # per script
LOCK_SECONDS = 600  # renewed with each step; a rebuild that pauses for longer is refused
WAIT_SECONDS = 60  # for the metrics to have counted what the board has
POLL_SECONDS = 0.5

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A rebuilt day: how many products and events, and events added from the journal."""

    day: date
    products: int
    events: int
    told_meanwhile: int
    """The name is part of the output of `make ops`."""


class Rebuild:
    """Rebuilds the live boards of days. Where it raises RebuildRefused, the board is unchanged.

    `server` must raise on failures; `consumer` is the name under which the metrics claim events.
    """

    def __init__(
        self,
        database: Database,
        server: Server,
        zone: Callable[[], tzinfo],
        weights: Weights,
        consumer: str,
    ) -> None:
        self._database = database
        self._server = server
        self._zone = zone
        self._weights = weights
        self._consumer = consumer
        self._boards = Boards(server, zone)

    def run(self, first: date | None, progress: Progress) -> list[Rebuilt]:
        """Rebuild the days that still take events, from `first` on, the oldest first.

        Includes tomorrow if today has been carried into it.
        """
        days = [each for each in self._live_days() if first is None or each.begins.date() >= first]
        if not days:
            raise RebuildRefused("Only today's and yesterday's boards are live; choose of them.")
        return [self._rebuild(day, progress) for day in days]

    def _live_days(self) -> list[Window]:
        now, zone = clock.now(), self._zone()
        today = Window.containing(Period.DAILY, now, zone)
        tomorrow = today.following(zone)
        live = [each for each in (today.preceding(zone), today) if each.takes_events(now, zone)]
        return [*live, *([tomorrow] if self._boards.is_carried(tomorrow) else [])]

    def _rebuild(self, day: Window, progress: Progress) -> Rebuilt:
        with self._locked(Keys.of(day)) as token:
            self._wait_for_metrics(day, progress)
            new = _NewBoard(self._server, day, token, self._weights)
            begins_at = day.begins_at(self._zone())
            # Valkey is written within the snapshot: to hold all rows until its end would take
            # memory that grows with the products. It reads only, and locks no row.
            self._database.run([BEGIN, sql.SNAPSHOT(), sql.LONG_TIMEOUT()])
            try:
                events = new.mark_seen(self._counted(begins_at), progress)
                products = new.fill(self._products(day.begins.date()), progress)
            finally:
                self._database.run([ROLLBACK], in_transaction=True)
            added = new.replace_old()
        self._repeat_carry_overs(day)
        return Rebuilt(day.begins.date(), products, events, added)

    def _repeat_carry_overs(self, day: Window) -> None:
        """Carry what was counted for the day before, and for this one, during the rebuild."""
        zone = self._zone()
        before, after = day.preceding(zone), day.following(zone)
        if before in self._live_days() and self._boards.is_carried(before):
            self._boards.carry(before, day, self._weights)
        if self._boards.is_carried(after):
            self._boards.carry(day, after, self._weights)

    @contextmanager
    def _locked(self, keys: Keys) -> Iterator[str]:
        token = secrets.token_hex(8)
        run = self._server.run
        if not run(lambda server: server.set(keys.rebuild, token, nx=True, ex=LOCK_SECONDS)):
            raise RebuildRefused(
                "Another rebuild of this board is running. If it was killed, wait "
                f"{LOCK_SECONDS // 60} minutes."
            )
        try:
            yield token
        finally:
            run(lambda server: server.eval(scripts.UNLOCK, 1, keys.rebuild, token))

    def _wait_for_metrics(self, day: Window, progress: Progress) -> None:
        """Wait until they have counted all that the board had counted before its journal began."""
        keys = Keys.of(day)
        journal: set[bytes] = set(self._server.run(lambda server: server.hkeys(keys.journal)))
        missing: Collection[bytes] = [
            id_
            for part in self._seen(keys.seen)
            for id_ in self._not_counted(part)
            if id_ not in journal
        ]
        deadline = Deadline.within(WAIT_SECONDS)
        while missing:
            progress("events that the metrics have yet to count", len(missing))
            if deadline.is_over:
                raise RebuildRefused(
                    f"The board has {len(missing)} events that the metrics do not know, and would"
                    " lose them. Redrive the dead letters of metrics-product-activity first."
                )
            time.sleep(POLL_SECONDS)
            missing = self._not_counted(missing)

    def _seen(self, key: str) -> Iterator[list[bytes]]:
        cursor = 0
        while True:
            cursor, part = self._server.run(methodcaller("sscan", key, cursor, count=ROWS))
            yield list(part)
            if cursor == 0:
                return

    def _not_counted(self, ids: Collection[bytes]) -> list[bytes]:
        if not ids:
            return []
        event_ids = [str(UUID(bytes=id_)) for id_ in ids]
        query = sql.NOT_COUNTED(consumer=self._consumer, event_ids=event_ids)
        return [UUID(row.key).bytes for row in self._database.run([query])[0]]

    def _counted(self, since: datetime) -> Iterator[list[bytes]]:
        query = sql.COUNTED(consumer=self._consumer, since=since - timedelta(hours=1))
        for rows in in_parts(self._database, query, ROWS):
            yield [UUID(row.key).bytes for row in rows]

    def _products(self, day: date) -> Iterator[tuple[str, str]]:
        query = sql.METRICS(day=day, first=day - timedelta(days=CARRIED_FOR))
        rows = (row for part in in_parts(self._database, query, ROWS) for row in part)
        for product_id, days in groupby(rows, key=lambda row: row.product_id):
            parts = [0] * 3 * (CARRIED_FOR + 1)
            for row in days:
                age = (day - row.day).days
                parts[3 * age : 3 * age + 3] = [row.views, row.likes, row.amount]
            yield str(product_id), " ".join(map(str, parts))


class _NewBoard:
    """A board that is being built beside the one that it will replace."""

    def __init__(self, server: Server, day: Window, token: str, weights: Weights) -> None:
        self._server = server
        self._old, self._new = Keys.of(day), Keys.of(day, f":{token}")
        self._token = token
        self._kept_seconds = day.kept_seconds
        self._weights = weight_values(weights)

    def mark_seen(self, parts: Iterator[Sequence[bytes]], progress: Progress) -> int:
        """Mark events as seen; return how many."""
        marked = 0
        for ids in parts:

            def mark(server: Any, ids: Sequence[bytes] = ids) -> None:
                pipeline = server.pipeline(transaction=False)
                pipeline.sadd(self._new.seen, *ids)
                pipeline.expire(self._new.seen, LOCK_SECONDS)
                pipeline.expire(self._old.rebuild, LOCK_SECONDS)
                pipeline.execute()

            self._server.run(mark)
            marked += len(ids)
            progress("events", marked)
        return marked

    def fill(self, products: Iterator[tuple[str, str]], progress: Progress) -> int:
        """Store the products with their parts; return how many."""
        filled = 0
        batch: list[str] = []
        for product_id, parts in products:
            batch += [product_id, parts]
            filled += 1
            if len(batch) == 2 * PRODUCTS:
                self._store(batch)
                batch = []
                progress("products", filled)
        self._store(batch)
        return filled

    def _store(self, batch: list[str]) -> None:
        keys = [WEIGHTS_KEY, self._old.rebuild, self._new.parts, self._new.board]
        self._run(scripts.FILL, keys, [LOCK_SECONDS, *batch])

    def replace_old(self) -> int:
        """Add the journal's events and replace the old board; return how many were added."""
        old, new = self._old, self._new
        keys = [WEIGHTS_KEY, old.rebuild, old.parts, old.board, old.seen, old.journal]
        return self._run(
            scripts.SWAP, [*keys, new.parts, new.board, new.seen], [self._kept_seconds]
        )

    def _run(self, script: str, keys: Sequence[str], values: Sequence[Any]) -> int:
        values = [*self._weights, self._token, *values]
        done = int(self._server.run(lambda server: server.eval(script, len(keys), *keys, *values)))
        if done == scripts.LOCK_LOST:
            raise RebuildRefused("It took too long between two steps. Start it again.")
        return done
