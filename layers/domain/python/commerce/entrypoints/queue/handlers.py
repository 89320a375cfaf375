"""Handlers that process one message at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.entrypoints.queue.received import Received, adapters_of, read_event
from commerce.entrypoints.queue.retries import hide, pause_seconds, receive_count
from commerce.entrypoints.telemetry import Handler, LambdaEvent, logger, observed
from commerce.shared import trace
from commerce.shared.events import Event

E = TypeVar("E", bound=Event)
Answer: TypeAlias = Mapping[str, Any]


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


def message_handler(consume: Callable[[SQSRecord], None]) -> Handler[Answer]:
    """Make a queue function's handler; only the messages that fail are delivered again."""
    # Failures are reported, not raised: an error would return the whole batch to the queue.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def one(record: SQSRecord) -> None:
        logger.append_keys(message_id=record.message_id)
        try:
            consume(record)
        except Exception:
            logger.exception("message failed", receive_count=receive_count(record))
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
    """Make the handler of nudges: messages without content, for which `work` runs once a batch."""

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:  # noqa: ARG001
        failed: list[dict[str, str]] = []
        try:
            logger.info("done", nudges=len(event["Records"]), outcome=str(work()))
        except Exception:  # noqa: BLE001  (reported, so that the queue delivers it again)
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
    """Make the handler of one type of event, which arrives through EventBridge and SQS.

    Args:
        event_type: the type; a message of another type fails.
        consume: called with each event.
        retry_base_seconds: returns the base of the pause before a retry, which is base × 2^(try -
            1), jittered. Without it, the queue's visibility time-out is the pause.
        on_final_attempt: called with the failure that makes the message a dead letter.
    """
    adapters = adapters_of([event_type])

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

    return message_handler(one)


def _call(on_final_attempt: OnFinalAttempt[E], received: Received[E], error: Exception) -> None:
    try:
        on_final_attempt.failed(received, error)
    except Exception:  # noqa: BLE001  (the message's own failure is the one to raise)
        logger.exception("the callback for the final attempt failed")
