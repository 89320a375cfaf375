"""Spans (days, weeks and months), and the runs that rank them."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from commerce.ranking.model import CARRIED_FOR, LAST_RANK, Weights
from commerce.ranking.periods.errors import (
    ChunksPending,
    InvalidPeriodKey,
    NothingRanked,
    RunEnded,
)

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)


class Period(StrEnum):
    """The length of a span."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


TOP = {Period.DAILY: LAST_RANK, Period.WEEKLY: 100, Period.MONTHLY: 100}  # spec §9
# Time from the end of a span, in the business time zone, until it is ranked.
DUE_AFTER = {
    Period.DAILY: timedelta(hours=1),
    Period.WEEKLY: timedelta(hours=1),
    Period.MONTHLY: timedelta(hours=2),
}
RANKED_DAYS = 31  # spec §9: finished days that are ranked if they were not
CORRECTED_DAYS = 7  # spec §9: finished days that are ranked anew each night


@dataclass(frozen=True, slots=True)
class Span:
    """A day, week or month: its first and last business day, and its key (2026W47, 202611).

    A day's own begins with the first of the days of which something is carried over into it.
    """

    period: Period
    key: str
    first_day: date
    last_day: date

    @classmethod
    def of(cls, period: Period, key: str) -> "Span":
        """Return the span with this key. Raises InvalidPeriodKey."""
        try:
            match period:
                case Period.DAILY:
                    year, month, day = _digits(r"([0-9]{4})([0-9]{2})([0-9]{2})", key)
                    return cls.containing(period, date(year, month, day))
                case Period.WEEKLY:
                    year, week = _digits(r"([0-9]{4})W([0-9]{2})", key)
                    return cls.containing(period, date.fromisocalendar(year, week, 1))
                case Period.MONTHLY:
                    year, month = _digits(r"([0-9]{4})([0-9]{2})", key)
                    return cls.containing(period, date(year, month, 1))
        except (ValueError, OverflowError) as error:
            raise InvalidPeriodKey(
                f"{key!r} is no {period} key; one looks like {_EXAMPLES[period]}."
            ) from error

    @classmethod
    def containing(cls, period: Period, day: date) -> "Span":
        """Return the span that contains the day."""
        if period is Period.DAILY:
            first = date.fromordinal(max(1, day.toordinal() - CARRIED_FOR))
            return cls(period, f"{day.year:04}{day:%m%d}", first, day)
        if period is Period.WEEKLY:
            year, week, weekday = day.isocalendar()
            monday = day - (weekday - 1) * _DAY
            return cls(period, f"{year:04}W{week:02}", monday, monday + 6 * _DAY)
        first = day.replace(day=1)
        last = (first + 31 * _DAY).replace(day=1) - _DAY
        return cls(period, f"{day:%Y%m}", first, last)

    @classmethod
    def before(cls, period: Period, day: date) -> "Span":
        """Return the newest span that ended before the day."""
        if period is Period.DAILY:
            return cls.containing(period, day - _DAY)
        return cls.containing(period, cls.containing(period, day).first_day - _DAY)

    @classmethod
    def due(cls, period: Period, local_time: datetime) -> "Span":
        """Return the newest span whose ranking is due at this business time."""
        return cls.before(period, (local_time - DUE_AFTER[period]).date())

    @property
    def days(self) -> list[date]:
        """All its business days."""
        return [self.first_day + n * _DAY for n in range((self.last_day - self.first_day).days + 1)]


@dataclass(frozen=True, slots=True)
class Due:
    """A span that is to be ranked; the business time since when it was not, if it may be again."""

    span: Span
    since: datetime | None = None

    @property
    def execution_name(self) -> str:
        """A name for its execution: the same for whoever else finds this due."""
        again = f"-{self.since:%Y%m%d%H%M}" if self.since else ""
        return f"{self.span.period}-{self.span.key}{again}"


_EXAMPLES = {
    Period.DAILY: "20261123",
    Period.WEEKLY: "2026W47, an ISO week",
    Period.MONTHLY: "202611",
}


def _digits(pattern: str, key: str) -> list[int]:
    found = re.fullmatch(pattern, key)
    if found is None:
        raise ValueError(key)
    return [int(each) for each in found.groups()]


def due_days(local_time: datetime, *, running_too: bool) -> dict[date, datetime]:
    """Return the days that may be ranked at this business time, newest first.

    Returns:
        Each with the business time since when a run of it must have begun, else it is due: a run
        sees all corrections until then. With `running_too`, today is ranked as it stands.
    """
    newest = Span.due(Period.DAILY, local_time).last_day
    tonight = _end_of(newest)
    days = {local_time.date(): local_time} if running_too else {}
    for age in range(RANKED_DAYS):
        day = newest - age * _DAY
        days[day] = tonight if age < CORRECTED_DAYS else _end_of(day)
    return days


def _end_of(day: date) -> datetime:
    return datetime.combine(day + _DAY, time()) + DUE_AFTER[Period.DAILY]


class RunStatus(StrEnum):
    """The status of a run."""

    RUNNING = "RUNNING"
    PUBLISHED = "PUBLISHED"
    SUPERSEDED = "SUPERSEDED"
    """Complete, but a run that began later was published before it."""
    FAILED = "FAILED"


class ChunkStatus(StrEnum):
    """The status of a chunk."""

    PLANNED = "PLANNED"
    RANKED = "RANKED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class ChunkCounts:
    """A run's chunks by status, and how many rows of metrics they have read."""

    planned: int
    ranked: int
    skipped: int
    rows_read: int


@dataclass(slots=True)
class Run:
    """One computation of a span's ranking. Ids order the runs of a span by when they began."""

    id: UUID
    execution: str
    span: Span
    chunk_rows: int
    weights: Weights
    begun_at: datetime
    status: RunStatus = RunStatus.RUNNING
    ended_at: datetime | None = None
    failure: str = ""

    @property
    def has_ended(self) -> bool:
        """True once it is published, superseded or failed."""
        return self.status is not RunStatus.RUNNING

    def require_running(self) -> None:
        """Refuse to go on if the run has ended. Raises RunEnded."""
        if self.has_ended:
            raise RunEnded(f"The run {self.id} is {self.status}.")

    def require_publishable(self, counts: ChunkCounts) -> None:
        """Refuse to publish too early. Raises RunEnded, ChunksPending, NothingRanked."""
        self.require_running()
        if counts.planned:
            raise ChunksPending(f"{counts.planned} chunks of the run {self.id} are pending.")
        if counts.skipped and not counts.ranked:
            raise NothingRanked(f"All {counts.skipped} chunks of the run {self.id} were skipped.")

    def end(self, status: RunStatus, at: datetime, failure: str = "") -> None:
        """End the run. Raises RunEnded."""
        self.require_running()
        self.status, self.ended_at, self.failure = status, at, failure
