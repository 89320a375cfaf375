"""Rebuild: a day's board from the products' metrics, while events go on arriving.

Metrics and board count the same events, each at its own pace. So that none is lost or counted
twice, the rebuild (1) lets the board note what it counts from now on, (2) waits until the metrics
have counted all that the board had counted before, (3) reads, in one snapshot, the metrics and
which events they have counted, and builds a board of them beside the old one, (4) adds what was
noted and is not in the snapshot, and swaps. What the board has yet to be told, but the snapshot
has counted, is then known as seen.
"""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

from commerce.metrics import CONSUMER
from commerce.ranking import scripts
from commerce.ranking.boards import WEIGHTS_KEY, Boards, Keys, Server
from commerce.ranking.errors import RebuildRefused
from commerce.ranking.model import CARRIED_FOR, Period, Weights, Window
from commerce.runtime.db.connection import BEGIN, ROLLBACK, Database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock

CHUNK = 2000  # rows per message
FILLED = 250  # products per script
HELD_SECONDS = 600  # a rebuild that pauses for longer is given up
WAIT_SECONDS = 60  # for the metrics to have counted what the board has
LOOK_SECONDS = 0.5

_SNAPSHOT = Query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_PATIENCE = Query("SET LOCAL statement_timeout = '120s'")
_METRICS = """
SELECT product_id, CAST($1 AS date) - day AS age, views, likes, amount
FROM product_metrics_daily
WHERE day BETWEEN CAST($1 AS date) - CAST($2 AS integer) AND CAST($1 AS date)
ORDER BY product_id
"""
_COUNTED = """
SELECT key FROM once
WHERE scope = $1 AND answer IS NULL AND claimed_at >= CAST($2 AS timestamptz)
"""
_NOT_COUNTED = """
SELECT asked.key FROM unnest(CAST($2 AS text[])) AS asked (key)
WHERE NOT EXISTS (SELECT FROM once WHERE scope = $1 AND once.key = asked.key)
"""

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A day whose board is new: of so many products and events, some told meanwhile."""

    day: date
    products: int
    events: int
    told_meanwhile: int


class Rebuild:
    """Makes the live boards of days anew. Raises RebuildRefused, and leaves the board as it is."""

    def __init__(
        self, database: Database, server: Server, zone: Callable[[], tzinfo], weights: Weights
    ) -> None:
        self._database = database
        self._server = server
        self._zone = zone
        self._weights = weights
        self._boards = Boards(server, zone)

    def run(self, first: date | None, progress: Progress) -> list[Rebuilt]:
        """Rebuild the days that still take events, from `first` on, the oldest first.

        Tomorrow's too, where today was carried into it.
        """
        days = [each for each in self._live() if first is None or each.begins.date() >= first]
        if not days:
            raise RebuildRefused("Only today's and yesterday's boards are live; choose of them.")
        return [self._rebuild(day, progress) for day in days]

    def _live(self) -> list[Window]:
        now, zone = clock.now(), self._zone()
        today = Window.containing(Period.DAILY, now, zone)
        tomorrow = today.following(zone)
        live = [each for each in (today.preceding(zone), today) if each.takes_events(now, zone)]
        return [*live, *([tomorrow] if self._boards.is_carried(tomorrow) else [])]

    def _rebuild(self, day: Window, progress: Progress) -> Rebuilt:
        with self._held(Keys.of(day)) as token:
            self._wait_for_the_metrics(day, progress)
            build = _Build(self._server, day, token, self._weights)
            begins_at = day.begins_at(self._zone())
            self._database.run([BEGIN, _SNAPSHOT, _PATIENCE])
            try:
                events = build.know(self._counted(begins_at), progress)
                products = build.fill(self._products(day.begins.date()), progress)
            finally:
                self._database.run([ROLLBACK], in_transaction=True)
            added = build.swap()
        self._carry_on(day)
        return Rebuilt(day.begins.date(), products, events, added)

    def _carry_on(self, day: Window) -> None:
        """What was told of the day before, or of this one, while they were being rebuilt."""
        zone = self._zone()
        before, after = day.preceding(zone), day.following(zone)
        if before in self._live() and self._boards.is_carried(before):
            self._boards.carry(before, day, self._weights)
        if self._boards.is_carried(after):
            self._boards.carry(day, after, self._weights)

    @contextmanager
    def _held(self, keys: Keys) -> Iterator[str]:
        token = secrets.token_hex(8)
        run = self._server.run
        if not run(lambda server: server.set(keys.rebuild, token, nx=True, ex=HELD_SECONDS)):
            raise RebuildRefused(
                f"Somebody rebuilds this board. If they died, wait {HELD_SECONDS // 60} minutes."
            )
        try:
            yield token
        finally:
            run(lambda server: server.eval(scripts.LET_GO, 1, keys.rebuild, token))

    def _wait_for_the_metrics(self, day: Window, progress: Progress) -> None:
        """Until they have counted all that the board had counted when it began to take notes."""
        keys = Keys.of(day)
        noted: set[bytes] = set(self._server.run(lambda server: server.hkeys(keys.journal)))
        ahead: Collection[bytes] = [
            id_
            for chunk in self._seen(keys.seen)
            for id_ in self._not_counted(chunk)
            if id_ not in noted
        ]
        ends_at = time.monotonic() + WAIT_SECONDS
        while ahead:
            progress("events that the metrics have yet to count", len(ahead))
            if time.monotonic() > ends_at:
                raise RebuildRefused(
                    f"The board has {len(ahead)} events that the metrics do not know, and would"
                    " lose them. Redrive the dead letters of metrics-product-activity first."
                )
            time.sleep(LOOK_SECONDS)
            ahead = self._not_counted(ahead)

    def _seen(self, key: str) -> Iterator[list[bytes]]:
        cursor = 0
        while True:
            look = partial(_scanned, key=key, cursor=cursor)
            cursor, chunk = self._server.run(look)
            yield list(chunk)
            if cursor == 0:
                return

    def _not_counted(self, ids: Collection[bytes]) -> list[bytes]:
        if not ids:
            return []
        texts = [str(UUID(bytes=id_)) for id_ in ids]
        found = self._database.run([Query(_NOT_COUNTED, [CONSUMER, texts])])[0]
        return [UUID(row.key).bytes for row in found]

    def _counted(self, since: datetime) -> Iterator[list[bytes]]:
        for rows in self._chunks(Query(_COUNTED, [CONSUMER, since - timedelta(hours=1)])):
            yield [UUID(row.key).bytes for row in rows]

    def _products(self, day: date) -> Iterator[tuple[str, str]]:
        rows = (row for chunk in self._chunks(Query(_METRICS, [day, CARRIED_FOR])) for row in chunk)
        for product_id, days in groupby(rows, key=lambda row: row.product_id):
            parts = [0] * 3 * (CARRIED_FOR + 1)
            for row in days:
                parts[3 * row.age : 3 * row.age + 3] = [row.views, row.likes, row.amount]
            yield str(product_id), " ".join(map(str, parts))

    def _chunks(self, query: Query) -> Iterator[list[Any]]:
        self._database.run(
            [Query(f"DECLARE found NO SCROLL CURSOR FOR {query.sql}", query.values)],
            in_transaction=True,
        )
        while rows := self._database.run([Query(f"FETCH {CHUNK} FROM found")], in_transaction=True)[
            0
        ]:
            yield rows
        self._database.run([Query("CLOSE found")], in_transaction=True)


def _scanned(server: Any, *, key: str, cursor: int) -> Any:
    return server.sscan(key, cursor, count=CHUNK)


class _Build:
    """The new board, beside the old one."""

    def __init__(self, server: Server, day: Window, token: str, weights: Weights) -> None:
        self._server = server
        self._keys, self._new = Keys.of(day), Keys.of(day, f":{token}")
        self._token = token
        self._kept_seconds = day.kept_seconds
        self._weights = [weights.version, *map(repr, (weights.view, weights.like, weights.order))]

    def know(self, chunks: Iterator[Sequence[bytes]], progress: Progress) -> int:
        """Mark events as seen; how many."""
        known = 0
        for ids in chunks:

            def mark(server: Any, ids: Sequence[bytes] = ids) -> None:
                pipeline = server.pipeline(transaction=False)
                pipeline.sadd(self._new.seen, *ids)
                pipeline.expire(self._new.seen, HELD_SECONDS)
                pipeline.expire(self._keys.rebuild, HELD_SECONDS)
                pipeline.execute()

            self._server.run(mark)
            known += len(ids)
            progress("events", known)
        return known

    def fill(self, products: Iterator[tuple[str, str]], progress: Progress) -> int:
        """Enter the products with their parts; how many."""
        filled = 0
        chunk: list[str] = []
        for product_id, parts in products:
            chunk += [product_id, parts]
            filled += 1
            if len(chunk) == 2 * FILLED:
                self._enter(chunk)
                chunk = []
                progress("products", filled)
        self._enter(chunk)
        return filled

    def _enter(self, chunk: list[str]) -> None:
        keys = [WEIGHTS_KEY, self._keys.rebuild, self._new.parts, self._new.board]
        if not self._eval(scripts.FILL, keys, [HELD_SECONDS, *chunk]):
            raise RebuildRefused("It took too long between two steps. Start it again.")

    def swap(self) -> int:
        """Put the new board in the old one's place, with what was told meanwhile; how many."""
        old, new = self._keys, self._new
        keys = [WEIGHTS_KEY, old.rebuild, old.parts, old.board, old.seen, old.journal]
        added = int(
            self._eval(scripts.SWAP, [*keys, new.parts, new.board, new.seen], [self._kept_seconds])
        )
        if added < 0:
            raise RebuildRefused("It took too long between two steps. Start it again.")
        return added

    def _eval(self, script: str, keys: Sequence[str], values: Sequence[Any]) -> Any:
        return self._server.run(
            lambda server: server.eval(
                script, len(keys), *keys, *self._weights, self._token, *values
            )
        )
