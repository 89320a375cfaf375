"""A moment by which an answer must be there: each step takes its time from what is left."""

import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """A moment of the monotonic clock, in seconds."""

    at: float

    @classmethod
    def within(cls, seconds: float) -> Self:
        """So many seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left_seconds(self) -> float:
        """How long there is, never below 0."""
        return max(0.0, self.at - time.monotonic())
