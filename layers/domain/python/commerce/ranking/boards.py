"""Live boards in Valkey: one per hour and one per day, each event counted once.

All keys share one hash tag, and so one slot: a script may touch the boards of an hour, of its day
and of what follows at once, also where the server is a cluster. Long work goes in steps of a few
hundred products, because the server does nothing else meanwhile.
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
WEIGHING_SECONDS = 10  # how long one caller weighs a board anew before another may try
_QUARTER_SECONDS = 15 * 60  # no zone's hours begin within one
_PREFIX = "lastunit:{ranking}:1"
WEIGHTS_KEY = f"{_PREFIX}:weights"


class Server(Protocol):
    """A client of Valkey."""

    def run(self, command: Callable[[Any], Any]) -> Any:
        """Return the command's result. On a failure return None or raise, as the client does."""


@dataclass(frozen=True, slots=True)
class BoardPage:
    """A part of a board. `exists` tells an empty board from none."""

    items: list[Ranked]
    exists: bool
    is_weighed: bool


@dataclass(frozen=True, slots=True)
class Keys:
    """Where a window is kept; seen, journal and rebuild are a day's."""

    parts: str
    board: str
    seen: str
    journal: str
    rebuild: str
    weighing: str

    @classmethod
    def of(cls, window: Window, suffix: str = "") -> "Keys":
        """The keys of a window; with a suffix, of one that is being built in its place."""
        place = f"{_PREFIX}:{window.period}:{window.key}{suffix}"
        return cls(**{name: f"{place}:{name}" for name in cls.__slots__})


class Boards:
    """The boards, as one caller reaches them: see Server for what becomes of failures."""

    def __init__(self, server: Server, zone: Callable[[], tzinfo]) -> None:
        self._server = server
        self._zone = zone

    def add(self, activities: Sequence[Activity], weights: Weights) -> None:
        """Count each event in its hour and its day, if it is new and they still take events.

        One round trip, however many; all of them count, or none.
        """
        batch = _Batch(self._zone(), clock.now())
        for each in activities:
            batch.add(each)
        if batch.is_empty:
            return
        keys, values = batch.message(weights)
        due = self._server.run(lambda server: server.eval(scripts.ADD, len(keys), *keys, *values))
        for number in due or []:
            self.rescore(batch.windows[number - 1], weights)

    def page(self, window: Window, weights: Weights, offset: int, limit: int) -> BoardPage | None:
        """A part of a board, the best first; of equals the newer product. None without Valkey."""
        found = self._look(window, weights, offset, limit)
        if found is not None and found.exists and not found.is_weighed:
            self.rescore(window, weights)
            found = self._look(window, weights, offset, limit)
        return found

    def _look(self, window: Window, weights: Weights, offset: int, limit: int) -> BoardPage | None:
        keys = Keys.of(window)

        def look(server: Any) -> Any:
            pipeline = server.pipeline(transaction=False)
            pipeline.hget(keys.parts, "weighed")
            pipeline.hget(WEIGHTS_KEY, "version")
            pipeline.zrevrange(keys.board, offset, offset + limit - 1, withscores=True)
            weighed, version, places = pipeline.execute()
            newest = max(weights.version, int(version or 0))
            items = [
                Ranked(offset + place, UUID(product.decode()), float(score))
                for place, (product, score) in enumerate(places, start=1)
            ]
            return BoardPage(items, weighed is not None, int(weighed or 0) >= newest)

        found: BoardPage | None = self._server.run(look)
        return found

    def rank(self, window: Window, product_id: str) -> int | None:
        """A product's place, counted from 1; None where it has none, or without Valkey."""
        board = Keys.of(window).board
        place = self._server.run(lambda server: server.zrevrank(board, product_id))
        return place + 1 if isinstance(place, int) else None

    def rescore(self, window: Window, weights: Weights) -> bool:
        """Make a board's scores anew from its parts, under the newest weights.

        False where somebody else does it, or Valkey does not answer.
        """
        keys = Keys.of(window)
        if not self._server.run(
            lambda server: server.set(keys.weighing, 1, nx=True, ex=WEIGHING_SECONDS)
        ):
            return False
        cursor, began_with = b"0", b""
        while True:
            values = [*_values(weights), cursor, STEP, began_with]
            step = self._run(scripts.RESCORE, [WEIGHTS_KEY, keys.parts, keys.board], values)
            if step is None:
                return False
            cursor, began_with = step
            if cursor == b"0":
                self._server.run(lambda server: server.delete(keys.weighing))
                return True

    def rescore_running(self, weights: Weights) -> int:
        """Make the boards that run now, and those after them, follow the weights; how many did."""
        now, zone = clock.now(), self._zone()
        running = [Window.containing(period, now, zone) for period in _LIVE]
        windows = [each for window in running for each in (window, window.following(zone))]
        return sum(self.rescore(window, weights) for window in windows)

    def carry_over(self, weights: Weights) -> list[str]:
        """Carry what is due: into the running windows, and in their last minutes into the next.

        Returns the keys of the windows it was carried into; done before, it is not done again.
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
        """Whether all that was to be carried into a window is in it."""
        parts = Keys.of(window).parts
        return bool(self._server.run(lambda server: server.hget(parts, "carried")) == b"done")

    def carry(self, source: Window, target: Window, weights: Weights) -> bool:
        """Let a tenth of each score count for the window after it; False without Valkey.

        What counts for the source later on counts there too. Each time it does the same anew, so
        twice is as good as once, and a broken run is mended by the next.
        """
        chain = _chain(target, self._zone())
        keys = [WEIGHTS_KEY, Keys.of(source).parts, *_keys_of(chain)]
        cursor = b"0"
        while True:
            values = [*_values(weights), cursor, STEP, len(chain), *_links(chain)]
            cursor = self._run(scripts.CARRY, keys, values)
            if cursor in (None, b"0"):
                return cursor is not None

    def _run(self, script: str, keys: Sequence[str], values: Sequence[Any]) -> Any:
        return self._server.run(lambda server: server.eval(script, len(keys), *keys, *values))


_LIVE = (Period.HOURLY, Period.DAILY)


class _Batch:
    """Events on their way into the boards, as one message."""

    def __init__(self, zone: tzinfo, now: datetime) -> None:
        self._zone, self._now = zone, now
        self.windows: list[Window] = []
        self._numbers: dict[Window, int] = {}
        self._days: dict[Window, _Day] = {}
        self._places: dict[int, _Place | None] = {}

    @property
    def is_empty(self) -> bool:
        return not self._days

    def add(self, activity: Activity) -> None:
        quarter = int(activity.at.timestamp()) // _QUARTER_SECONDS
        if quarter not in self._places:
            self._places[quarter] = self._place(activity.at)
        place = self._places[quarter]
        if place is None or not activity.deltas:
            return
        counted: list[int | str] = [place.in_day, place.in_hour]
        for each in activity.deltas:
            counted += (str(each.product_id), each.views, each.likes, each.amount)
        place.day.ids.append(activity.id.bytes)
        place.day.events.append(counted)

    def _place(self, moment: datetime) -> "_Place | None":
        """Where the events of a quarter of an hour count; None where it is too late for them."""
        hour, day = (Window.containing(period, moment, self._zone) for period in _LIVE)
        if not day.takes_events(self._now, self._zone):
            return None
        takes_hour = hour.takes_events(self._now, self._zone)
        return _Place(
            self._days.setdefault(day, _Day()),
            self._number(day),
            self._number(hour) if takes_hour else 0,
        )

    def _number(self, window: Window) -> int:
        """Which one it is, counted from 1; what may have been carried from it comes along."""
        if window not in self._numbers:
            for each in _chain(window, self._zone):
                if each not in self._numbers:
                    self.windows.append(each)
                    self._numbers[each] = len(self.windows)
        return self._numbers[window]

    def message(self, weights: Weights) -> tuple[list[str], list[Any]]:
        """The script's keys and values."""
        keys = [WEIGHTS_KEY, *_keys_of(self.windows)]
        values = [*_values(weights), len(self.windows)]
        for window in self.windows:
            following = window.following(self._zone)
            values += (window.kept_seconds, self._numbers.get(following, 0))
        for window, day in self._days.items():
            names = Keys.of(window)
            keys += (names.seen, names.journal, names.rebuild)
            values += (window.kept_seconds, b"".join(day.ids), json.dumps(day.events))
        return keys, values


@dataclass(frozen=True, slots=True)
class _Day:
    """A day's events, in their order."""

    ids: list[bytes] = field(default_factory=list)
    events: list[list[int | str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """A day, and the numbers of its window and of the hour's."""

    day: _Day
    in_day: int
    in_hour: int


def _chain(window: Window, zone: tzinfo) -> list[Window]:
    """A window and those into which it is carried."""
    chain = [window]
    for _ in range(CARRIED_FOR):
        chain.append(chain[-1].following(zone))
    return chain


def _keys_of(windows: Sequence[Window]) -> list[str]:
    return [key for each in map(Keys.of, windows) for key in (each.parts, each.board)]


def _links(chain: Sequence[Window]) -> list[int]:
    """Of each window how long it is kept, and which one follows it."""
    last = len(chain)
    return [
        value
        for number, window in enumerate(chain, start=1)
        for value in (window.kept_seconds, number + 1 if number < last else 0)
    ]


def _values(weights: Weights) -> list[Any]:
    return [weights.version, repr(weights.view), repr(weights.like), repr(weights.order)]
