"""Spans (weeks and months), and the runs that rank them."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from commerce.ranking.model import Weights
from commerce.ranking.periods.errors import (
    ChunksPending,
    InvalidPeriodKey,
    NothingRanked,
    RunEnded,
)

TOP = 100  # spec §9: products per ranking

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)


class Period(StrEnum):
    """The length of a span."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


# Time from the end of a span, in the business time zone, until it is ranked.
DUE_AFTER = {Period.WEEKLY: timedelta(hours=1), Period.MONTHLY: timedelta(hours=2)}


@dataclass(frozen=True, slots=True)
class Span:
    """A week or month: its first and last business day, and its key (2026W47, 202611)."""

    period: Period
    key: str
    first_day: date
    last_day: date

    @classmethod
    def of(cls, period: Period, key: str) -> "Span":
        """Return the span with this key. Raises InvalidPeriodKey."""
        try:
            if period is Period.WEEKLY:
                year, week = _digits(r"([0-9]{4})W([0-9]{2})", key)
                return cls.containing(period, date.fromisocalendar(year, week, 1))
            year, month = _digits(r"([0-9]{4})([0-9]{2})", key)
            return cls.containing(period, date(year, month, 1))
        except (ValueError, OverflowError) as error:
            example = "2026W47, an ISO week" if period is Period.WEEKLY else "202611"
            raise InvalidPeriodKey(f"{key!r} is no {period} key; one looks like {example}.") from (
                error
            )

    @classmethod
    def containing(cls, period: Period, day: date) -> "Span":
        """Return the span that contains the day."""
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
        return cls.containing(period, cls.containing(period, day).first_day - _DAY)

    @classmethod
    def due(cls, period: Period, local_time: datetime) -> "Span":
        """Return the newest span whose ranking is due at this business time."""
        return cls.before(period, (local_time - DUE_AFTER[period]).date())

    @property
    def days(self) -> list[date]:
        """All its business days."""
        return [self.first_day + n * _DAY for n in range((self.last_day - self.first_day).days + 1)]


def _digits(pattern: str, key: str) -> tuple[int, int]:
    found = re.fullmatch(pattern, key)
    if found is None:
        raise ValueError(key)
    return int(found[1]), int(found[2])


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
