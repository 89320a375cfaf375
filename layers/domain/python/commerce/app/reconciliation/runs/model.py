"""A reconciliation run: what it has checked so far, and what it found."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

INCREMENTAL_PERIOD = timedelta(minutes=5)
"""The time from one incremental run to the next, as the schedule has it."""
LATE_AFTER = 3 * INCREMENTAL_PERIOD
"""Without a complete run for so long, nobody knows whether the books hold."""
FULL_PERIOD = timedelta(days=1)
FULL_LATE_AFTER = FULL_PERIOD + timedelta(hours=4)
NIGHTLY_HOUR = 3  # in the business time zone: a full run begins then

BOARDS = "boards"
"""The name, beside those of the books, under which compared rankings are counted."""


class Kind(StrEnum):
    """The scope of a run: what changed since the last one, or everything."""

    INCREMENTAL = "INCREMENTAL"
    FULL = "FULL"


@dataclass(frozen=True, slots=True)
class Run:
    """A run of which `checked` counts the ids by book; a book that was not looked at is missing.

    `is_complete` is true once all was checked that its kind covers, or as many findings as one run
    keeps were found. `seconds` is the time that it worked.
    """

    id: UUID
    kind: Kind
    begun_at: datetime
    oldest_transaction: int
    ended_at: datetime | None = None
    seconds: float = 0.0
    book: str | None = None
    last_id: UUID | None = None
    checked: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    is_complete: bool = False
    unequal: list[str] = field(default_factory=list)
    """The products of which the ranking board differed from the metrics."""
    version: int = 1

    def with_checked(self, book: str, last_id: UUID | None, count: int) -> "Run":
        """Return the run after more ids of a book were checked, up to `last_id`."""
        counted = {**self.checked, book: self.checked.get(book, 0) + count}
        return replace(self, book=book, last_id=last_id, checked=counted)
