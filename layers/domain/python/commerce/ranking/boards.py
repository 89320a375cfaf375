"""Live boards in Valkey: one per hour and one per day, each event counted once.

All keys share one hash tag, and so one slot: a script may touch the boards of an hour, of its day
and of the windows after them at once, also in a cluster. Long work runs in steps of a few hundred
products, because the server does nothing else during a script.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Protocol
from uuid import UUID

from commerce.ranking import scripts
from commerce.ranking.model import (
    CARRIED_FOR,
    Activity,
    Period,
    Ranked,
    Weights,
    Window,
    is_time_to_carry,
)
from commerce.shared import clock

STEP = 200  # products per script of long work: about 2 ms of the server's time
RESCORING_SECONDS = 10  # how long one caller may rescore a board before another may try
_QUARTER_SECONDS = 15 * 60  # in every time zone, hours begin on a multiple of this
_LIVE = (Period.HOURLY, Period.DAILY)
_PREFIX = "lastunit:{ranking}:1"
WEIGHTS_KEY = f"{_PREFIX}:weights"


class Server(Protocol):
    """A connection to Valkey, with its caller's way of handling failures."""

    def run(self, command: Callable[[Any], Any]) -> Any:
        """Run commands on the server. On a failure, either returns None or raises Unavailable."""


@dataclass(frozen=True, slots=True)
class BoardPage:
    """A part of a board. `exists` tells an empty board from none."""

    items: list[Ranked]
    exists: bool
    has_newest_weights: bool


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a window; seen, journal and rebuild are used for days only."""

    parts: str
    board: str
    seen: str
    journal: str
    rebuild: str
    rescoring: str

    @classmethod
    def of(cls, window: Window, suffix: str = "") -> "Keys":
        """Return the keys of a window; with a suffix, of one that is being built to replace it."""
        prefix = f"{_PREFIX}:{window.period}:{window.key}{suffix}"
        return cls(**{name: f"{prefix}:{name}" for name in cls.__slots__})


class Boards:
    """The live boards. Failures of Valkey are handled as the given server does."""

    def __init__(self, server: Server, zone: Callable[[], tzinfo]) -> None:
        self._server = server
        self._zone = zone

    def add(self, activities: Sequence[Activity], weights: Weights) -> None:
        """Count each new event in its hour and its day, while they still take events.

        A correction of a window that takes no more is counted in what the ones after it carry.
        One round trip for any number of events; all of them are counted, or none.
        """
        batch = _Batch(self._zone(), clock.now())
        for each in activities:
            batch.add(each)
        if batch.is_empty:
            return
        keys, values = batch.message(weights)
        outdated = self._run(scripts.ADD, keys, values)
        for number in outdated or []:
            self.rescore(batch.windows[number - 1], weights)

    def page(self, window: Window, weights: Weights, offset: int, limit: int) -> BoardPage | None:
        """Return a part of a board, the best first, ties by newest product; None without Valkey."""
        found = self._read(window, weights, offset, limit)
        if found is not None and found.exists and not found.has_newest_weights:
            self.rescore(window, weights)
            found = self._read(window, weights, offset, limit)
        return found

    def _read(self, window: Window, weights: Weights, offset: int, limit: int) -> BoardPage | None:
        keys = Keys.of(window)

        def read(server: Any) -> BoardPage:
            pipeline = server.pipeline(transaction=False)
            pipeline.hget(keys.parts, "weighed")
            pipeline.hget(WEIGHTS_KEY, "version")
            pipeline.zrevrange(keys.board, offset, offset + limit - 1, withscores=True)
            version, newest, places = pipeline.execute()
            items = [
                Ranked(offset + place, UUID(product.decode()), float(score))
                for place, (product, score) in enumerate(places, start=1)
            ]
            is_newest = int(version or 0) >= max(weights.version, int(newest or 0))
            return BoardPage(items, version is not None, is_newest)

        found: BoardPage | None = self._server.run(read)
        return found

    def rank(self, window: Window, product_id: str) -> int | None:
        """Return a product's rank, counted from 1; None if it is not ranked, or without Valkey."""
        board = Keys.of(window).board
        place = self._server.run(lambda server: server.zrevrank(board, product_id))
        return place + 1 if isinstance(place, int) else None

    def scores(self, window: Window, product_ids: Sequence[UUID]) -> list[float | None] | None:
        """Return the scores of products, each None if it is not on the board, in one round trip.

        Returns:
            None without Valkey.
        """
        members = [str(each) for each in product_ids]
        board = Keys.of(window).board
        found: list[float | None] | None = self._server.run(
            lambda server: server.zmscore(board, members)
        )
        return found

    def rescore(self, window: Window, weights: Weights) -> bool:
        """Recompute a board's scores from its parts, with the newest weights.

        Returns:
            False if another caller is doing it, or without Valkey.
        """
        keys = Keys.of(window)
        if not self._server.run(
            lambda server: server.set(keys.rescoring, 1, nx=True, ex=RESCORING_SECONDS)
        ):
            return False
        cursor, first_version = b"0", b""
        while True:
            values = [*weight_values(weights), cursor, STEP, first_version]
            step = self._run(scripts.RESCORE, [WEIGHTS_KEY, keys.parts, keys.board], values)
            if step is None:
                return False
            cursor, first_version = step
            if cursor == b"0":
                self._server.run(lambda server: server.delete(keys.rescoring))
                return True

    def rescore_running(self, weights: Weights) -> int:
        """Rescore the running boards and the next ones; return how many it rescored."""
        now, zone = clock.now(), self._zone()
        running = [Window.containing(period, now, zone) for period in _LIVE]
        windows = [each for window in running for each in (window, window.following(zone))]
        return sum(self.rescore(window, weights) for window in windows)

    def carry_over(self, weights: Weights) -> list[str]:
        """Carry over into the running windows and, in their last minutes, into the next ones.

        Returns:
            The keys of the windows that were carried into; those done before are skipped.
        """
        now, zone = clock.now(), self._zone()
        done: list[str] = []
        for period in _LIVE:
            running = Window.containing(period, now, zone)
            due = [(running.preceding(zone), running)]
            if is_time_to_carry(running, now, zone):
                due.append((running, running.following(zone)))
            for source, target in due:
                if not self.is_carried(target) and self.carry(source, target, weights):
                    done.append(target.key)
        return done

    def is_carried(self, window: Window) -> bool:
        """Return True if the carry-over into the window is complete."""
        parts = Keys.of(window).parts
        return bool(self._server.run(lambda server: server.hget(parts, "carried")) == b"done")

    def carry(self, source: Window, target: Window, weights: Weights) -> bool:
        """Carry a tenth of each score into the next window, and so for what is added later.

        Idempotent: it sets values and never adds, so an interrupted run is repaired by the next.

        Returns:
            False without Valkey.
        """
        chain = _chain(target, self._zone())
        keys = [WEIGHTS_KEY, Keys.of(source).parts, *_keys_of(chain)]
        cursor = b"0"
        while True:
            values = [*weight_values(weights), cursor, STEP, len(chain), *_links(chain)]
            cursor = self._run(scripts.CARRY, keys, values)
            if cursor in (None, b"0"):
                return cursor is not None

    def _run(self, script: str, keys: Sequence[str], values: Sequence[Any]) -> Any:
        return self._server.run(lambda server: server.eval(script, len(keys), *keys, *values))


class _Batch:
    """Events to be added, as one message to Valkey."""

    def __init__(self, zone: tzinfo, now: datetime) -> None:
        self._zone, self._now = zone, now
        self.windows: list[Window] = []
        self._numbers: dict[Window, int] = {}
        self._days: dict[Window, _Day] = {}
        self._targets: dict[tuple[int, bool], _Target | None] = {}

    @property
    def is_empty(self) -> bool:
        return not self._days

    def add(self, activity: Activity) -> None:
        if not activity.deltas or not self._can_be_deduplicated(activity):
            return
        place = int(activity.at.timestamp()) // _QUARTER_SECONDS, activity.is_correction
        if place not in self._targets:
            self._targets[place] = self._target(activity.at, is_correction=activity.is_correction)
        target = self._targets[place]
        if target is None:
            return
        event: list[int | str] = [*target.day_place, *target.hour_place]
        for product_id, *counts in activity.deltas:
            event += (str(product_id), *counts)
        target.day.ids.append(activity.id.bytes)
        target.day.events.append(event)
        for later in target.later_days:
            later.marked.append(activity.id.bytes)

    def _can_be_deduplicated(self, activity: Activity) -> bool:
        moment = activity.occurred_at or activity.at
        return self._takes_events(Window.containing(Period.DAILY, moment, self._zone))

    def _takes_events(self, window: Window) -> bool:
        return window.takes_events(self._now, self._zone)

    def _target(self, moment: datetime, *, is_correction: bool) -> "_Target | None":
        hour, day = (self._taking(period, moment, is_correction=is_correction) for period in _LIVE)
        if day is None:
            return None
        window, age = day
        later: list[_Day] = []
        if is_correction:
            # Delivered again when this day takes no more events, it is looked for in the next one.
            running = Window.containing(Period.DAILY, self._now, self._zone)
            while (window := window.following(self._zone)) <= running:
                later.append(self._day(window))
        return _Target(
            self._day(day[0]),
            (self._number(day[0]), age),
            (self._number(hour[0]), hour[1]) if hour else (0, 0),
            later,
        )

    def _taking(
        self, period: Period, moment: datetime, *, is_correction: bool
    ) -> "tuple[Window, int] | None":
        """Find the window that takes the counts, and how many windows before they belong."""
        chain = _chain(Window.containing(period, moment, self._zone), self._zone)
        for age, window in enumerate(chain if is_correction else chain[:1]):
            if self._takes_events(window):
                return window, age
        return None

    def _day(self, window: Window) -> "_Day":
        return self._days.setdefault(window, _Day())

    def _number(self, window: Window) -> int:
        if window not in self._numbers:
            # Those after it too: the window may have been carried over into them.
            for each in _chain(window, self._zone):
                if each not in self._numbers:
                    self.windows.append(each)
                    self._numbers[each] = len(self.windows)
        return self._numbers[window]

    def message(self, weights: Weights) -> tuple[list[str], list[Any]]:
        """Return the keys and values of the script ADD."""
        keys = [WEIGHTS_KEY, *_keys_of(self.windows)]
        values = [*weight_values(weights), len(self.windows)]
        for window in self.windows:
            following = window.following(self._zone)
            values += (window.kept_seconds, self._numbers.get(following, 0))
        for window, day in self._days.items():
            names = Keys.of(window)
            keys += (names.seen, names.journal, names.rebuild)
            ids, marked = b"".join(day.ids), b"".join(day.marked)
            values += (window.kept_seconds, ids, json.dumps(day.events), marked)
        return keys, values


@dataclass(frozen=True, slots=True)
class _Day:
    """A day's events, in their order, and the ids of events that were counted in a day before."""

    ids: list[bytes] = field(default_factory=list)
    events: list[list[int | str]] = field(default_factory=list)
    marked: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Target:
    """The windows that an event is counted in: of each the number (0 for none) and the age."""

    day: _Day
    day_place: tuple[int, int]
    hour_place: tuple[int, int]
    later_days: Sequence[_Day]


def _chain(window: Window, zone: tzinfo) -> list[Window]:
    chain = [window]
    for _ in range(CARRIED_FOR):
        chain.append(chain[-1].following(zone))
    return chain


def _keys_of(windows: Sequence[Window]) -> list[str]:
    return [key for each in map(Keys.of, windows) for key in (each.parts, each.board)]


def _links(chain: Sequence[Window]) -> list[int]:
    last = len(chain)
    return [
        value
        for number, window in enumerate(chain, start=1)
        for value in (window.kept_seconds, number + 1 if number < last else 0)
    ]


def weight_values(weights: Weights) -> list[Any]:
    """Return the weights as the first arguments of a script."""
    return [weights.version, repr(weights.view), repr(weights.like), repr(weights.order)]
