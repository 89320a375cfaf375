"""The correlation id: one string from the request through every event it causes."""

from contextvars import ContextVar

_trace_id: ContextVar[str] = ContextVar("trace_id", default="")


def follow(trace_id: str) -> None:
    """Set the id of the request or event being served."""
    _trace_id.set(trace_id)


def trace_id() -> str:
    """Return the id of the request or event being served, or the empty string."""
    return _trace_id.get()
