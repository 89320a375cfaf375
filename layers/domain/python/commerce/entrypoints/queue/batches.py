"""Handlers that process all messages of a call together."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.entrypoints.queue.handlers import Answer
from commerce.entrypoints.queue.received import Adapters, Received, adapters_of, read_event
from commerce.entrypoints.queue.retries import receive_count
from commerce.entrypoints.telemetry import Handler, LambdaEvent, logger, observed
from commerce.runtime.idempotency import claim_events
from commerce.shared.errors import Busy, Unavailable
from commerce.shared.events import Event

Consume: TypeAlias = Callable[[Sequence[Received[Any]]], None]
Work: TypeAlias = Callable[[Shop, Sequence[Received[Any]]], None]


def batch_handler(event_types: Sequence[type[Event]], consume: Consume) -> Handler[Answer]:
    """Make the handler of several types of events, which consumes all messages of a call together.

    A message that cannot be read fails alone. If the others fail together, each is tried alone.
    """
    adapters = adapters_of(event_types)

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:  # noqa: ARG001
        records = [SQSRecord(each) for each in event["Records"]]
        readable = _readable(adapters, records)
        failed = {each.message_id for each in records} - readable.keys()
        failed |= _failed(readable, consume)
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


def _readable(adapters: Adapters, records: Sequence[SQSRecord]) -> dict[str, Received[Any]]:
    received: dict[str, Received[Any]] = {}
    for record in records:
        try:
            received[record.message_id] = read_event(adapters, record)
        except Exception:  # noqa: BLE001  (whatever is wrong, it concerns this message only)
            logger.exception(
                "message cannot be read",
                message_id=record.message_id,
                receive_count=receive_count(record),
            )
    return received


def _failed(received: Mapping[str, Received[Any]], consume: Consume) -> set[str]:
    """Consume all together, or else each alone; return the ids of the messages that failed."""
    if not received:
        return set()
    try:
        consume(list(received.values()))
    except Exception as error:  # noqa: BLE001  (reported, so that the queue delivers them again)
        logger.exception("messages failed", message_ids=list(received))
        if len(received) == 1 or isinstance(error, Unavailable | Busy):
            return set(received)  # not the fault of a message, so all are delivered again
        return {id_ for id_, each in received.items() if _failed({id_: each}, consume)}
    for each in received.values():
        logger.info(
            "event consumed",
            correlation_id=each.trace_id,
            event_id=str(each.id),
            event_type=type(each.event).__name__,
        )
    return set()
