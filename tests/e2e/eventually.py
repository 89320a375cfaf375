"""Waiting for what happens soon: poll with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.1
# After the longest visibility time-out: a message whose function did not start is back by then.
MESSAGE_IS_BACK_SECONDS = 400


def eventually(look: Callable[[], T | None], within_seconds: float = MESSAGE_IS_BACK_SECONDS) -> T:
    """Return what `look` returns as soon as that is true.

    `look` may also assert; its last AssertionError is what a missed deadline raises.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        try:
            seen = look()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        else:
            if seen:
                return seen
            assert time.monotonic() < deadline, f"after {within_seconds} s it is still {seen!r}"
        time.sleep(POLL_SECONDS)
