"""Whether the answer being given was given before."""

from contextvars import ContextVar

_replayed: ContextVar[bool] = ContextVar("replayed", default=False)


def forget() -> None:
    """A new request: nothing is replayed yet."""
    _replayed.set(False)


def mark() -> None:
    """What we answer is the answer of an earlier request with the same key."""
    _replayed.set(True)


def is_marked() -> bool:
    """Whether the answer is a replay."""
    return _replayed.get()
