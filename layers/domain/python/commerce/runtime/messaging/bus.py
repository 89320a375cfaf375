"""The event bus, which is EventBridge."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from commerce.runtime import settings
from commerce.runtime.aws import client

Envelope = Mapping[str, Any]

MAX_ENTRIES = 10  # EventBridge's limit per PutEvents call
MAX_BYTES = 256 * 1024  # and the same call's limit in size
_ENTRY_OVERHEAD_BYTES = 256  # source, detail-type, bus name and time count too

ALONE_SECONDS = 2  # of putting a failed call's events one by one

NOT_TRIED = "not tried in this run"
TOO_LARGE = f"larger than {MAX_BYTES // 1024} KB"
FAULTS_OF_THE_EVENT = frozenset({"MalformedDetail", "InvalidArgument", "ValidationException"})
"""Error codes for a fault in the event itself. All others may pass, or are the bus's own."""


class Bus(Protocol):
    """Takes events for delivery."""

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        """Put one batch; return per envelope None where it was taken, else the error code."""


class EventBridgeBus:
    """`PutEvents` on the bus named by EVENT_BUS_NAME.

    A call without an answer may have arrived. With one attempt, its events are never published
    twice but may be lost; with more attempts, it is the other way round. A relay waits for it in a
    transaction, so it takes no longer than two tries, or one and ALONE_SECONDS.
    """

    def __init__(self, attempts: int = 2) -> None:
        self._attempts = attempts

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        """Put one batch. Raises the client's error where the call fails, unless an event did."""
        events = client("events", attempts=self._attempts)
        try:
            answer = events.put_events(Entries=[_entry(each) for each in envelopes])
        except events.exceptions.ClientError as error:
            code: str = error.response["Error"]["Code"]
            if code not in FAULTS_OF_THE_EVENT:
                raise
            if len(envelopes) == 1:
                return [code]
            # One event fails the whole call: put one by one, the others pass.
            ends_at = time.monotonic() + ALONE_SECONDS
            return [
                self.put([each])[0] if time.monotonic() < ends_at else NOT_TRIED
                for each in envelopes
            ]
        return [entry.get("ErrorCode") for entry in answer["Entries"]]


def _entry(envelope: Envelope) -> dict[str, Any]:
    return {
        "EventBusName": settings.text("EVENT_BUS_NAME"),
        "Source": envelope["source"],
        "DetailType": envelope["type"],
        "Detail": json.dumps(envelope),
        "Time": envelope["occurred_at"],
    }


def is_too_large(envelope: Envelope) -> bool:
    """Return true where the envelope does not fit into a call, even alone."""
    return _size(envelope) > MAX_BYTES


def batches(envelopes: Sequence[Envelope]) -> Iterator[list[Envelope]]:
    """Split the envelopes, in order, into batches that fit into one call each."""
    batch: list[Envelope] = []
    size = 0
    for envelope in envelopes:
        bytes_ = _size(envelope)
        if batch and (len(batch) == MAX_ENTRIES or size + bytes_ > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(envelope)
        size += bytes_
    if batch:
        yield batch


def _size(envelope: Envelope) -> int:
    return len(json.dumps(envelope)) + _ENTRY_OVERHEAD_BYTES  # ASCII: a character is a byte
