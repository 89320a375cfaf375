"""The event bus: EventBridge."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from commerce.runtime import settings
from commerce.runtime.aws import client

Envelope = Mapping[str, Any]

MAX_ENTRIES = 10  # EventBridge's limit per PutEvents call
MAX_BYTES = 256 * 1024  # and the same call's limit in size
_ENTRY_OVERHEAD_BYTES = 256  # source, detail-type, bus name and time count too

TOO_LARGE = f"larger than {MAX_BYTES // 1024} KB"
FAULTS_OF_THE_EVENT = frozenset({"MalformedDetail", "InvalidArgument", "ValidationException"})
"""Refusals that trying again does not change. All others may pass, or are the bus' own."""


class Bus(Protocol):
    """Where events go."""

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        """Put one batch; per envelope None where the bus took it, else why it did not."""


class EventBridgeBus:
    """`PutEvents` on the bus named by EVENT_BUS_NAME.

    A call that got no answer may have arrived: with one attempt nothing is told twice, and what
    was in it may be lost; with more it is the other way round.
    """

    def __init__(self, attempts: int = 3) -> None:
        self._attempts = attempts

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        events = client("events", attempts=self._attempts)
        try:
            answer = events.put_events(Entries=[_entry(each) for each in envelopes])
        except events.exceptions.ClientError as error:
            code: str = error.response["Error"]["Code"]
            if code not in FAULTS_OF_THE_EVENT:
                raise
            if len(envelopes) == 1:
                return [code]
            # One of them spoils the call: asked one by one, the others pass.
            return [self.put([each])[0] for each in envelopes]
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
    """Whether no call can carry it, not even alone."""
    return _size(envelope) > MAX_BYTES


def batches(envelopes: Sequence[Envelope]) -> Iterator[list[Envelope]]:
    """The envelopes in their order, cut to what one call may carry."""
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
