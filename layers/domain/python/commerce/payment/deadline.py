"""Deadlines: every step of a payment takes its time-out from what is left."""

import time
from dataclasses import dataclass
from typing import Self

GATEWAY_SECONDS = 8.0  # spec §6: all calls of one exchange; the rest of the 10 s is ours


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """A moment of the monotonic clock, in seconds."""

    at: float

    @classmethod
    def within(cls, seconds: float) -> Self:
        """Make the deadline that is so many seconds away."""
        return cls(time.monotonic() + seconds)

    @classmethod
    def for_gateway(cls) -> Self:
        """Make the deadline of an exchange with the payment gateway that begins now."""
        return cls.within(GATEWAY_SECONDS)

    @property
    def left_seconds(self) -> float:
        """The time until then, never below 0."""
        return max(0.0, self.at - time.monotonic())
