"""Deadlines: every wait takes its time-out from what is left of the invocation.

The entry points set the invocation's deadline. Whatever waits (for PostgreSQL, Valkey, AWS, the
payment gateway, the delivery system) asks here, so that no one has to pass it on. Outside an
invocation, as in a script, there is none.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self

ANSWER_RESERVE_SECONDS = 1.0  # spec §3.1: of an invocation, kept for making its answer

_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """A moment of the monotonic clock, in seconds."""

    at: float

    @classmethod
    def within(cls, seconds: float) -> Self:
        """Make the deadline so many seconds away, or the invocation's if that is earlier."""
        return cls(min(time.monotonic() + seconds, _ends_at.get()))

    @property
    def left_seconds(self) -> float:
        """The time until then, never below 0."""
        return max(0.0, self.at - time.monotonic())

    @property
    def is_over(self) -> bool:
        """True once no time is left."""
        return self.left_seconds == 0


@contextmanager
def answering_within(seconds: float) -> Iterator[None]:
    """End every wait of the block in time for an answer; an earlier deadline stays."""
    before = _ends_at.set(min(_ends_at.get(), time.monotonic() + seconds - ANSWER_RESERVE_SECONDS))
    try:
        yield
    finally:
        _ends_at.reset(before)


def left_seconds(at_most: float = math.inf) -> float:
    """Return the time that a wait may take: `at_most`, or what is left of the invocation."""
    return Deadline.within(at_most).left_seconds
