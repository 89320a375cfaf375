"""The handlers of functions that SQS invokes: message by message, or a batch together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.entrypoints.messages import (
    Adapters,
    adapters_of,
    hide,
    note_outcome,
    pause_seconds,
    read_event,
    receive_count,
)
from commerce.entrypoints.telemetry import Handler, LambdaEvent, logger, observed, own_context
from commerce.runtime.idempotency import claim_events
from commerce.runtime.messaging.failing import RECEIVES
from commerce.shared import trace
from commerce.shared.errors import Busy, Unavailable
from commerce.shared.events import Event, Received

__all__ = [
    "OnFinalAttempt", "Received", "batch_handler", "event_handler", "message_handler",
    "nudge_handler", "once_each",
]  # fmt: skip

E = TypeVar("E", bound=Event)
Answer: TypeAlias = Mapping[str, Any]
Consume: TypeAlias = Callable[[Sequence[Received[Any]]], None]
Work: TypeAlias = Callable[[Shop, Sequence[Received[Any]]], None]


@dataclass(frozen=True, slots=True)
class OnFinalAttempt(Generic[E]):
    """A callback for a message whose last try has failed.

    The message becomes a dead letter, whatever the callback does or raises. It is not called for a
    message that cannot be read.

    Attributes:
        number: returns the queue's maxReceiveCount.
        failed: the callback, with the event and the error.
    """

    number: Callable[[], int]
    failed: Callable[[Received[E], Exception], None]


def message_handler(
    consume: Callable[[SQSRecord], None], receives: Callable[[], int] = lambda: RECEIVES
) -> Handler[Answer]:
    """Make a queue function's handler; only the messages that fail are delivered again.

    `receives` returns the queue's maxReceiveCount.
    """
    # Failures are reported, not raised: an error would return the whole batch to the queue.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    failures: dict[str, Exception] = {}

    def one(record: SQSRecord) -> None:
        with own_context(message_id=record.message_id):
            try:
                consume(record)
            except Exception as error:
                logger.exception("message failed", receive_count=receive_count(record))
                failures[record.message_id] = error
                raise

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:
        failures.clear()
        answer = process_partial_response(
            event=event, record_handler=one, processor=processor, context=context
        )
        note_outcome([SQSRecord(each) for each in event["Records"]], failures, receives())
        failed = len(answer["batchItemFailures"])
        logger.info("batch done", messages=len(event["Records"]), failed=failed)
        return answer

    return handler


def nudge_handler(work: Callable[[], object]) -> Handler[Answer]:
    """Make the handler of nudges: messages without content, for which `work` runs once a batch."""

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:  # noqa: ARG001
        ids = [each["messageId"] for each in event["Records"]]
        failures: dict[str, Exception] = {}
        try:
            logger.info("done", nudges=len(ids), outcome=str(work()))
        except Exception as error:  # noqa: BLE001  (reported, so that they are delivered again)
            logger.exception("work failed", message_ids=ids)
            failures = dict.fromkeys(ids, error)
        note_outcome([SQSRecord(each) for each in event["Records"]], failures, RECEIVES)
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failures]}

    return handler


def event_handler(
    event_types: type[E] | tuple[type[Event], ...],
    consume: Callable[[Received[E]], None],
    *,
    retry_base_seconds: Callable[[], int] | None = None,
    on_final_attempt: OnFinalAttempt[E] | None = None,
) -> Handler[Answer]:
    """Make the handler of events that arrive through EventBridge and SQS, one by one.

    Args:
        event_types: the type, or types; a message of another type fails.
        consume: called with each event.
        retry_base_seconds: returns the base of the pause before a retry, which is base × 2^(try -
            1), jittered. Without it, the queue's visibility time-out is the pause.
        on_final_attempt: called with the failure that makes the message a dead letter.
    """
    adapters = adapters_of(event_types if isinstance(event_types, tuple) else (event_types,))

    def one(record: SQSRecord) -> None:
        received = None
        try:
            received = read_event(adapters, record)
            trace.follow(received.trace_id)
            logger.append_keys(correlation_id=received.trace_id, event_id=str(received.id))
            consume(received)
        except Exception as error:
            if on_final_attempt is not None and receive_count(record) >= on_final_attempt.number():
                if received is not None:
                    _call(on_final_attempt, received, error)
                hide(record, 0)  # due again at once, so that the queue makes it a dead letter now
            elif retry_base_seconds is not None:
                hide(record, pause_seconds(retry_base_seconds(), receive_count(record)))
            raise

    return message_handler(one, on_final_attempt.number if on_final_attempt else lambda: RECEIVES)


def _call(on_final_attempt: OnFinalAttempt[E], received: Received[E], error: Exception) -> None:
    try:
        on_final_attempt.failed(received, error)
    except Exception:  # noqa: BLE001  (the message's own failure is the one to raise)
        logger.exception("the callback for the final attempt failed")


def batch_handler(event_types: Sequence[type[Event]], consume: Consume) -> Handler[Answer]:
    """Make the handler of several types of events, which consumes all messages of a call together.

    A message that cannot be read fails alone. If the others fail together, each is tried alone.
    """
    adapters = adapters_of(event_types)

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:  # noqa: ARG001
        records = [SQSRecord(each) for each in event["Records"]]
        readable, failed = _readable(adapters, records)
        failed |= _failed(readable, consume)
        note_outcome(records, failed, RECEIVES)
        logger.info("batch done", messages=len(records), failed=len(failed))
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in sorted(failed)]}

    return handler


def once_each(consumer: str, work: Work) -> Consume:
    """Consume events in one transaction, in which each event takes effect once per consumer."""
    return partial(_consume_once, consumer, work)


def _consume_once(consumer: str, work: Work, received: Sequence[Received[Any]]) -> None:
    in_transaction(_claim_and_work, consumer, work, {each.id: each for each in received})


def _claim_and_work(
    shop: Shop, consumer: str, work: Work, distinct: Mapping[UUID, Received[Any]]
) -> None:
    new = claim_events(shop.uow, consumer, distinct)
    if new:
        work(shop, [each for id_, each in distinct.items() if id_ in new])


def _readable(
    adapters: Adapters, records: Sequence[SQSRecord]
) -> tuple[dict[str, Received[Any]], dict[str, Exception]]:
    received: dict[str, Received[Any]] = {}
    failed: dict[str, Exception] = {}
    for record in records:
        try:
            received[record.message_id] = read_event(adapters, record)
        except Exception as error:  # noqa: BLE001  (whatever is wrong, it concerns this one only)
            failed[record.message_id] = error
            logger.exception(
                "message cannot be read",
                message_id=record.message_id,
                receive_count=receive_count(record),
            )
    return received, failed


def _failed(received: Mapping[str, Received[Any]], consume: Consume) -> dict[str, Exception]:
    """Consume all together, or else each alone; return the errors of the messages that failed."""
    if not received:
        return {}
    only = next(iter(received.items())) if len(received) == 1 else None
    with own_context(**_ids(*only) if only else {}):  # all together are about no single one
        try:
            consume(list(received.values()))
        except Exception as error:  # noqa: BLE001  (reported, so that they are delivered again)
            logger.exception("messages failed", message_ids=list(received))
            # Without a database it is not the fault of a message, so all are delivered again.
            if only or isinstance(error, Unavailable | Busy):
                return dict.fromkeys(received, error)
            failed: dict[str, Exception] = {}
            for id_, each in received.items():
                failed |= _failed({id_: each}, consume)
            return failed
    for id_, each in received.items():
        logger.info("event consumed", **_ids(id_, each), event_type=type(each.event).__name__)
    return {}


def _ids(message_id: str, received: Received[Any]) -> dict[str, Any]:
    return {
        "message_id": message_id,
        "correlation_id": received.trace_id,
        "event_id": str(received.id),
    }
