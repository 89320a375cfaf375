"""What all queue functions share: one message, one try, and who is told when it fails."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import TypeAdapter
from pydantic_core import to_json

from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.entrypoints.telemetry import Handler, LambdaEvent, logger, observed
from commerce.runtime.aws import client
from commerce.runtime.idempotency import claim_events
from commerce.shared import trace
from commerce.shared.errors import Busy, Unavailable
from commerce.shared.events import Event
from commerce.shared.events import Received as Received  # the handlers import it from here

E = TypeVar("E", bound=Event)
Answer: TypeAlias = Mapping[str, Any]
_Adapters: TypeAlias = Mapping[str, TypeAdapter[Any]]

_LONGEST_PAUSE_SECONDS = 12 * 60 * 60  # SQS allows no longer visibility time-out


@dataclass(frozen=True, slots=True)
class OnFinalAttempt(Generic[E]):
    """What happens when a message's last try has failed.

    `number` is the queue's maxReceiveCount; whatever `failed` does or raises, the message becomes
    a dead letter. It is not called for a message that cannot be read.
    """

    number: Callable[[], int]
    failed: Callable[[Received[E], Exception], None]


def message_handler(consume: Callable[[SQSRecord], None]) -> Handler[Answer]:
    """A function fed by a queue: what fails is tried again, what succeeds is not."""
    # What fails is reported, never raised: raising would fail the messages that went well.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def one(record: SQSRecord) -> None:
        logger.append_keys(message_id=record.message_id)
        try:
            consume(record)
        except Exception:
            logger.exception("message failed", receive_count=_receive_count(record))
            raise

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:
        answer = process_partial_response(
            event=event, record_handler=one, processor=processor, context=context
        )
        failed = len(answer["batchItemFailures"])
        logger.info("batch done", messages=len(event["Records"]), failed=failed)
        return answer

    return handler


def nudge_handler(work: Callable[[], object]) -> Handler[Answer]:
    """A function whose messages all say the same: look what there is to do. Once per batch."""

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:  # noqa: ARG001
        failed: list[dict[str, str]] = []
        try:
            logger.info("done", nudges=len(event["Records"]), outcome=str(work()))
        except Exception:  # noqa: BLE001  (reported, not raised: the queue tries again)
            logger.exception("work failed")
            failed = [{"itemIdentifier": each["messageId"]} for each in event["Records"]]
        return {"batchItemFailures": failed}

    return handler


def event_handler(
    event_type: type[E],
    consume: Callable[[Received[E]], None],
    *,
    retry_base_seconds: Callable[[], int] | None = None,
    on_final_attempt: OnFinalAttempt[E] | None = None,
) -> Handler[Answer]:
    """A function fed with one type of event through EventBridge and SQS.

    With `retry_base_seconds` a failed message stays away for base × 2^(try - 1), jittered, instead
    of the queue's visibility time-out. `on_final_attempt` is called with the failure
    that made it a dead letter.
    """
    adapters = _adapters([event_type])

    def one(record: SQSRecord) -> None:
        received = None
        try:
            received = _received(adapters, record)
            trace.follow(received.trace_id)
            logger.append_keys(correlation_id=received.trace_id, event_id=str(received.id))
            consume(received)
        except Exception as error:
            if on_final_attempt is not None and _receive_count(record) >= on_final_attempt.number():
                if received is not None:
                    _give_up(on_final_attempt, received, error)
                _be_hidden(record, 0)  # due again at once, the queue makes it a dead letter now
            elif retry_base_seconds is not None:
                _be_hidden(record, pause_seconds(retry_base_seconds(), _receive_count(record)))
            raise

    return message_handler(one)


def _give_up(on_final_attempt: OnFinalAttempt[E], received: Received[E], error: Exception) -> None:
    try:
        on_final_attempt.failed(received, error)
    except Exception:  # noqa: BLE001  (the failure itself is what must be raised)
        logger.exception("nobody was told that the last try failed")


def batch_handler(
    event_types: Sequence[type[Event]], consume: Callable[[Sequence[Received[Any]]], None]
) -> Handler[Answer]:
    """A function fed with several types of events, which takes all messages of a call together.

    A message that cannot be read fails alone. Where the rest fails together, each is tried alone.
    """
    adapters = _adapters(event_types)

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:  # noqa: ARG001
        records = [SQSRecord(each) for each in event["Records"]]
        readable = _readable(adapters, records)
        failed = {each.message_id for each in records} - readable.keys()
        failed |= _consumed(readable, consume)
        logger.info("batch done", messages=len(records), failed=len(failed))
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in sorted(failed)]}

    return handler


def once_each(
    consumer: str, work: Callable[[Shop, Sequence[Received[Any]]], None]
) -> Callable[[Sequence[Received[Any]]], None]:
    """Events consumed in one transaction, by which each of them takes effect a single time."""

    def claim_and_work(shop: Shop, distinct: Mapping[UUID, Received[Any]]) -> None:
        new = claim_events(shop.uow, consumer, distinct)
        if new:
            work(shop, [each for id_, each in distinct.items() if id_ in new])

    def consume(received: Sequence[Received[Any]]) -> None:
        in_transaction(claim_and_work, {each.id: each for each in received})

    return consume


def _readable(adapters: _Adapters, records: Sequence[SQSRecord]) -> dict[str, Received[Any]]:
    received: dict[str, Received[Any]] = {}
    for record in records:
        try:
            received[record.message_id] = _received(adapters, record)
        except Exception:  # noqa: BLE001  (whatever is wrong with it, it is this message alone)
            logger.exception(
                "message cannot be read",
                message_id=record.message_id,
                receive_count=_receive_count(record),
            )
    return received


def _consumed(
    received: Mapping[str, Received[Any]], consume: Callable[[Sequence[Received[Any]]], None]
) -> set[str]:
    """Consume all together, else each alone. Returns the ids of the messages that failed."""
    if not received:
        return set()
    try:
        consume(list(received.values()))
    except Exception as error:  # noqa: BLE001  (reported, not raised: the queue tries again)
        logger.exception("messages failed", message_ids=list(received))
        if len(received) == 1 or isinstance(error, Unavailable | Busy):
            return set(received)  # none of them is to blame: all come back
        return {id_ for id_, each in received.items() if _consumed({id_: each}, consume)}
    for each in received.values():
        logger.info(
            "event consumed",
            correlation_id=each.trace_id,
            event_id=str(each.id),
            event_type=type(each.event).__name__,
        )
    return set()


def _adapters(event_types: Iterable[type[Event]]) -> _Adapters:
    return {each.__name__: TypeAdapter(each) for each in event_types}


def _received(adapters: _Adapters, record: SQSRecord) -> Received[Any]:
    """Read a message: of the types that are expected, and no `"2"` for 2. More fields may come."""
    envelope = record.json_body["detail"]
    told = {
        **envelope["data"],
        "aggregate_id": envelope["aggregate_id"],
        "aggregate_version": envelope["aggregate_version"],
    }
    # As JSON, where being strict still lets a text be an id.
    event = adapters[envelope["type"]].validate_json(to_json(told), strict=True)
    return Received(
        UUID(envelope["id"]),
        str(envelope["trace_id"]).encode(errors="replace").decode(),  # a log takes text only
        _moment(envelope["occurred_at"]),
        event,
    )


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a moment without its distance from UTC")
    return found


def pause_seconds(base_seconds: int, tries: int) -> int:
    """How long to stay away after so many tries: doubling, and jittered by up to a half."""
    pause = base_seconds * 2 ** (tries - 1)
    return min(_LONGEST_PAUSE_SECONDS, round(random.uniform(pause, pause * 1.5)))  # noqa: S311


def _be_hidden(record: SQSRecord, seconds: int) -> None:
    try:
        client("sqs").change_message_visibility(
            QueueUrl=record.queue_url,
            ReceiptHandle=record.receipt_handle,
            VisibilityTimeout=seconds,
        )
    except Exception:  # noqa: BLE001  (then the queue's own visibility time-out paces the retry)
        logger.warning("the message's visibility was not changed", exc_info=True)


def _receive_count(record: SQSRecord) -> int:
    return int(record.attributes.approximate_receive_count or 1)
