"""Periods, windows and weights of rankings, and the events that they count."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from commerce.ranking.errors import InvalidMoment

CARRIED_SHARE = 0.1  # spec §9: the share of a window's score that the next one starts with
CARRIED_FOR = 7  # windows; older activity would count less than a ten-millionth, and is dropped
CARRIED_FROM_MINUTE = 50  # spec §9: at 23:50, and in each hour at :50


LAST_RANK = 1000
"""The last rank that is shown of any ranking."""


class Period(StrEnum):
    """The length of a ranking."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


KEPT_SECONDS = {Period.HOURLY: 24 * 60 * 60, Period.DAILY: 2 * 24 * 60 * 60}  # spec §9
_KEY_FORMATS = {Period.HOURLY: "%Y%m%d%H", Period.DAILY: "%Y%m%d", Period.MONTHLY: "%Y%m"}
_KEY_SHAPES = {
    Period.HOURLY: (r"[0-9]{10}", "yyyymmddhh"),
    Period.DAILY: (r"[0-9]{8}", "yyyymmdd"),
    Period.WEEKLY: (r"[0-9]{4}W[0-9]{2}", "yyyyWww"),
    Period.MONTHLY: (r"[0-9]{6}", "yyyymm"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The weights of a view, a like and an order's ln(1 + amount). `version` grows."""

    version: int = 0
    view: float = 0.1
    like: float = 0.2
    order: float = 0.7

    def by_column(self) -> dict[str, float]:
        """Return the weights by the names of their columns and statement parameters."""
        return {f"{name}_weight": getattr(self, name) for name in ("view", "like", "order")}


class ProductDelta(NamedTuple):
    """A change of a product's counts by an event; negative for a cancellation or unlike."""

    product_id: UUID
    views: int
    likes: int
    amount: int


@dataclass(frozen=True, slots=True)
class Activity:
    """The changes that one event makes to its products; the same `id` counts once.

    `at` is the moment of the windows that it is counted in. Where the event takes something back
    that was counted at another time, `occurred_at` is the event's own.
    """

    id: UUID
    at: datetime
    deltas: Sequence[ProductDelta]
    occurred_at: datetime | None = None

    @property
    def is_correction(self) -> bool:
        """True if the event changes the windows of an earlier one."""
        return self.occurred_at is not None and self.occurred_at != self.at


@dataclass(frozen=True, slots=True)
class Ranked:
    """A product's rank, counted from 1, and its score."""

    rank: int
    product_id: UUID
    score: float


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """An hour or day in the business time zone, identified by its beginning in local time.

    Where clocks are set back, the hour that occurs twice is one window.
    """

    period: Period
    begins: datetime

    @classmethod
    def containing(cls, period: Period, moment: datetime, zone: tzinfo) -> "Window":
        """Return the window that contains the moment."""
        local = moment.astimezone(zone).replace(tzinfo=None, minute=0, second=0, microsecond=0)
        return cls(period, local if period is Period.HOURLY else local.replace(hour=0))

    @property
    def key(self) -> str:
        """Its name: yyyymmddhh or yyyymmdd."""
        return self.begins.strftime(_KEY_FORMATS[self.period])

    @property
    def kept_seconds(self) -> int:
        """Seconds that its board is kept after the last write."""
        return KEPT_SECONDS[self.period]

    def begins_at(self, zone: tzinfo) -> datetime:
        """Return the moment at which it begins, in UTC."""
        return self.begins.replace(tzinfo=zone).astimezone(UTC)

    def following(self, zone: tzinfo) -> "Window":
        """Return the next window; an hour that clocks skip is none."""
        if self.period is Period.DAILY:
            return Window(self.period, self.begins + timedelta(days=1))
        later = Window(self.period, self.begins + timedelta(hours=1))
        return Window.containing(self.period, later.begins_at(zone), zone)

    def preceding(self, zone: tzinfo) -> "Window":
        """Return the window before."""
        before = self.begins_at(zone) - timedelta(microseconds=1)
        return Window.containing(self.period, before, zone)

    def takes_events(self, now: datetime, zone: tzinfo) -> bool:
        """Return True while the ids of all events it has counted are kept, so none counts twice."""
        return now < self.begins_at(zone) + timedelta(seconds=self.kept_seconds)


def is_time_to_carry(window: Window, now: datetime, zone: tzinfo) -> bool:
    """Return True in the last ten minutes of the running window."""
    local = now.astimezone(zone)
    is_last_hour = window.period is Period.HOURLY or local.hour == 23
    return is_last_hour and local.minute >= CARRIED_FROM_MINUTE


def parse_key(period: Period, at: str) -> str:
    """Check a period's key as callers send it. Raises InvalidMoment."""
    pattern, shape = _KEY_SHAPES[period]
    if not re.fullmatch(pattern, at) or not _exists(period, at):
        raise InvalidMoment(shape)
    return at


def _exists(period: Period, key: str) -> bool:
    try:
        if period is Period.WEEKLY:
            date.fromisocalendar(int(key[:4]), int(key[5:]), 1)
        else:
            datetime.strptime(key, _KEY_FORMATS[period])  # noqa: DTZ007 (local time)
    except ValueError:
        return False
    return True


def window_of_key(period: Period, key: str) -> Window:
    """Return the hour or day of a key."""
    return Window(period, datetime.strptime(key, _KEY_FORMATS[period]))  # noqa: DTZ007 (local)
