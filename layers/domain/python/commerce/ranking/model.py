"""What counts for a ranking, how much, and for how long."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from uuid import UUID

from commerce.metrics import MetricDelta
from commerce.ranking.errors import InvalidMoment

CARRIED_SHARE = 0.1  # SPEC §8: of a window's score, into the next one
CARRIED_FOR = 7  # windows; what is older weighs less than a ten-millionth and is forgotten
CARRIED_FROM_MINUTE = 50  # SPEC §8: 23:50, and in each hour at :50


class Period(StrEnum):
    """How long a ranking runs."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


KEPT_SECONDS = {Period.HOURLY: 24 * 60 * 60, Period.DAILY: 2 * 24 * 60 * 60}  # SPEC §8
_KEY_FORMATS = {Period.HOURLY: "%Y%m%d%H", Period.DAILY: "%Y%m%d", Period.MONTHLY: "%Y%m"}
_KEY_SHAPES = {
    Period.HOURLY: (r"[0-9]{10}", "yyyymmddhh"),
    Period.DAILY: (r"[0-9]{8}", "yyyymmdd"),
    Period.WEEKLY: (r"[0-9]{4}W[0-9]{2}", "yyyyWww"),
    Period.MONTHLY: (r"[0-9]{6}", "yyyymm"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much a view, a like and one of an order's ln(1 + amount) count. `version` grows."""

    version: int = 0
    view: float = 0.1
    like: float = 0.2
    order: float = 0.7


@dataclass(frozen=True, slots=True)
class Activity:
    """What one event adds to its products; the same `id` counts once."""

    id: UUID
    at: datetime
    deltas: Sequence[MetricDelta]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A product's place, counted from 1."""

    rank: int
    product_id: UUID
    score: float


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """An hour or a day of the business, named by its beginning in local time.

    Where clocks are set back, the hour that comes twice is one window.
    """

    period: Period
    begins: datetime

    @classmethod
    def containing(cls, period: Period, moment: datetime, zone: tzinfo) -> "Window":
        """The window in which a moment lies."""
        local = moment.astimezone(zone).replace(tzinfo=None, minute=0, second=0, microsecond=0)
        return cls(period, local if period is Period.HOURLY else local.replace(hour=0))

    @classmethod
    def of_day(cls, day: date) -> "Window":
        """The window of a business day."""
        return cls(Period.DAILY, datetime(day.year, day.month, day.day))  # noqa: DTZ001 (local)

    @property
    def key(self) -> str:
        """yyyymmddhh or yyyymmdd."""
        return self.begins.strftime(_KEY_FORMATS[self.period])

    @property
    def kept_seconds(self) -> int:
        """How long its board is kept after it was last written."""
        return KEPT_SECONDS[self.period]

    def begins_at(self, zone: tzinfo) -> datetime:
        """The moment at which it begins."""
        return self.begins.replace(tzinfo=zone).astimezone(UTC)

    def day(self) -> "Window":
        """The day it belongs to."""
        return Window(Period.DAILY, self.begins.replace(hour=0))

    def following(self, zone: tzinfo) -> "Window":
        """The next one. An hour that clocks leave out is none."""
        if self.period is Period.DAILY:
            return Window(self.period, self.begins + timedelta(days=1))
        later = Window(self.period, self.begins + timedelta(hours=1))
        return Window.containing(self.period, later.begins_at(zone), zone)

    def preceding(self, zone: tzinfo) -> "Window":
        """The one before."""
        before = self.begins_at(zone) - timedelta(microseconds=1)
        return Window.containing(self.period, before, zone)

    def takes_events(self, now: datetime, zone: tzinfo) -> bool:
        """Whether an event still counts here: only while every event it has counted is known."""
        return now < self.begins_at(zone) + timedelta(seconds=self.kept_seconds)


def is_time_to_carry(window: Window, now: datetime, zone: tzinfo) -> bool:
    """Whether the running window is in its last ten minutes."""
    local = now.astimezone(zone)
    is_last_hour = window.period is Period.HOURLY or local.hour == 23
    return is_last_hour and local.minute >= CARRIED_FROM_MINUTE


def running_key(period: Period, now: datetime, zone: tzinfo) -> str:
    """The key of the period that runs now."""
    local = now.astimezone(zone)
    if period is Period.WEEKLY:
        year, week, _ = local.isocalendar()
        return f"{year:04}W{week:02}"
    return local.strftime(_KEY_FORMATS[period])


def parse_key(period: Period, at: str) -> str:
    """A period's key as callers send it. Raises InvalidMoment."""
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
    """The hour or day of a key."""
    return Window(period, datetime.strptime(key, _KEY_FORMATS[period]))  # noqa: DTZ007 (local)
