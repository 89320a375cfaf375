"""SQS messages: the events in them, and the pause before one is delivered again."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from pydantic import TypeAdapter
from pydantic_core import to_json

from commerce.entrypoints.telemetry import logger
from commerce.runtime.aws import client
from commerce.runtime.messaging.failing import MAX_CAUSE_CHARACTERS, SUFFIX, Failing, note
from commerce.shared import clock
from commerce.shared.cursor import parse_id
from commerce.shared.events import Event, Received

Adapters: TypeAlias = Mapping[str, TypeAdapter[Any]]
"""The readers of events, by the event's type."""
_LONGEST_PAUSE_SECONDS = 12 * 60 * 60  # SQS's limit of a visibility time-out


def adapters_of(event_types: Iterable[type[Event]]) -> Adapters:
    """Make the readers of these types of events."""
    return {each.__name__: TypeAdapter(each) for each in event_types}


def read_event(adapters: Adapters, record: SQSRecord) -> Received[Any]:
    """Read a message strictly: of a known type, and no `"2"` for 2. Unknown fields are ignored.

    Raises:
        Exception: of any type, for a message that cannot be read.
    """
    envelope = record.json_body["detail"]
    for name in ("id", "aggregate_id"):
        if parse_id(envelope[name]) is None:
            raise ValueError(f"{name} is no id")
    fields = {
        **envelope["data"],
        "aggregate_id": envelope["aggregate_id"],
        "aggregate_version": envelope["aggregate_version"],
    }
    # As JSON, from which strict validation still reads an id as text.
    event = adapters[envelope["type"]].validate_json(to_json(fields), strict=True)
    return Received(
        UUID(envelope["id"]),
        str(envelope["trace_id"]).encode(errors="replace").decode(),  # encodable, for the log
        clock.parse_rfc3339(envelope["occurred_at"]),
        event,
    )


def receive_count(record: SQSRecord) -> int:
    """Return how often the message was received, this time included."""
    return int(record.attributes.approximate_receive_count or 1)


def pause_seconds(base_seconds: int, tries: int) -> int:
    """Return the pause after so many tries: doubled with each, and jittered by up to a half."""
    pause = base_seconds * 2 ** (tries - 1)
    return min(_LONGEST_PAUSE_SECONDS, round(random.uniform(pause, pause * 1.5)))  # noqa: S311


def hide(record: SQSRecord, seconds: int) -> None:
    """Let the message be delivered again after so many seconds. Never fails."""
    try:
        client("sqs").change_message_visibility(
            QueueUrl=record.queue_url,
            ReceiptHandle=record.receipt_handle,
            VisibilityTimeout=seconds,
        )
    except Exception:  # noqa: BLE001  (then the queue's own visibility time-out applies)
        logger.warning("the message's visibility was not changed", exc_info=True)


def note_outcome(
    records: Sequence[SQSRecord], failures: Mapping[str, Exception], receives: int
) -> None:
    """Note for operators what failed, whether it is tried again or a dead letter; never fails.

    Args:
        records: the batch.
        failures: by the ids of the messages that failed.
        receives: after so many a message becomes a dead letter, whose cause is kept.
    """
    now = clock.now()
    failed = [
        Failing(
            each.message_id,
            _place_of(each, receives),
            receive_count(each),
            f"{type(error).__name__}: {error}"[:MAX_CAUSE_CHARACTERS],
            _type_of(each),
            now,
            now,
        )
        for each in records
        if (error := failures.get(each.message_id)) is not None
    ]
    noted = {each.message_id for each in failed}
    tried_before = {each.message_id for each in records if receive_count(each) > 1}
    note(failed, tried_before - noted)


def _place_of(record: SQSRecord, receives: int) -> str:
    """Return the queue in which a message that failed is from now on."""
    queue = record.event_source_arn.rpartition(":")[2]
    return queue if receive_count(record) < receives else f"{queue}{SUFFIX}"


def _type_of(record: SQSRecord) -> str:
    try:
        return str(record.json_body["detail"]["type"])
    except Exception:  # noqa: BLE001  (it cannot be read)
        return ""
