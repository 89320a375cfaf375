"""Marks a request as replayed: its answer is the first answer to the same Idempotency-Key."""

from contextvars import ContextVar

_replayed: ContextVar[bool] = ContextVar("replayed", default=False)


def reset() -> None:
    """Start a new request, which is not replayed."""
    _replayed.set(False)


def mark_replayed() -> None:
    """Mark the current request as replayed."""
    _replayed.set(True)


def is_replayed() -> bool:
    """Return true where the current request is replayed."""
    return _replayed.get()
