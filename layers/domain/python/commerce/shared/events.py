"""Events in the past tense, and the envelope of spec §7.2 in which they travel."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from commerce.shared import clock, trace

ENVELOPE = (
    "id", "source", "type", "occurred_at", "aggregate_id", "aggregate_version", "trace_id", "data",
)  # fmt: skip
"""The fields of an envelope; the outbox has a column for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to one aggregate.

    `aggregate_version` grows with every event of the aggregate, so that consumers know which of two
    is newer. The fields that a subclass adds are the envelope's `data`.
    """

    source: ClassVar[str]

    aggregate_id: UUID
    aggregate_version: int

    def envelope(self) -> dict[str, Any]:
        """Make the envelope, with a new id, the current time and the current trace id."""
        return {
            "id": str(clock.new_id()),
            "source": self.source,
            "type": type(self).__name__,
            "occurred_at": clock.rfc3339(clock.now()),
            "aggregate_id": str(self.aggregate_id),
            "aggregate_version": self.aggregate_version,
            "trace_id": trace.trace_id(),
            "data": {
                each.name: plain(getattr(self, each.name))
                for each in fields(self)
                if each.name not in ("aggregate_id", "aggregate_version")
            },
        }


E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Received(Generic[E]):
    """An event as it arrived. `id` is the same each time the event is delivered."""

    id: UUID
    trace_id: str
    occurred_at: datetime
    event: E


def plain(value: Any) -> Any:
    """Convert a value to JSON types."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return clock.rfc3339(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    return value
