"""The event bus: EventBridge."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from commerce.shared import settings
from commerce.shared.aws import client

Envelope = Mapping[str, Any]

MAX_ENTRIES = 10  # EventBridge's limit per PutEvents call
MAX_BYTES = 256 * 1024  # and the same call's limit in size
_ENTRY_OVERHEAD_BYTES = 256  # source, detail-type, bus name and time count too


class Bus(Protocol):
    """Where events go."""

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        """Put one batch; per envelope None where the bus took it, else why it did not."""


class EventBridgeBus:
    """`PutEvents` on the bus named by EVENT_BUS_NAME."""

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        answer = client("events").put_events(
            Entries=[
                {
                    "EventBusName": settings.text("EVENT_BUS_NAME"),
                    "Source": envelope["source"],
                    "DetailType": envelope["type"],
                    "Detail": json.dumps(envelope),
                    "Time": envelope["occurred_at"],
                }
                for envelope in envelopes
            ]
        )
        return [entry.get("ErrorCode") for entry in answer["Entries"]]


def batches(envelopes: Sequence[Envelope]) -> Iterator[list[Envelope]]:
    """The envelopes in their order, cut to what one call may carry."""
    batch: list[Envelope] = []
    size = 0
    for envelope in envelopes:
        bytes_ = len(json.dumps(envelope).encode()) + _ENTRY_OVERHEAD_BYTES
        if batch and (len(batch) == MAX_ENTRIES or size + bytes_ > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(envelope)
        size += bytes_
    if batch:
        yield batch
