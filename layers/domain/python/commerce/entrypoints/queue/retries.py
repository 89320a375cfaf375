"""Retries of failed messages: how often one was received, and when it is delivered again."""

import random

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from commerce.entrypoints.telemetry import logger
from commerce.runtime import settings
from commerce.runtime.aws import client

_LONGEST_PAUSE_SECONDS = 12 * 60 * 60  # SQS's limit of a visibility time-out


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


def shipping_retry_base_seconds() -> int:
    """Return the first pause, doubled with each try (SPEC §6: 60 s; a parameter)."""
    return settings.number("SHIPPING_RETRY_BASE_SECONDS", 60)


def shipping_max_tries() -> int:
    """Return the queue's maxReceiveCount, from the template (SPEC §6: 3)."""
    return settings.number("SHIPPING_MAX_TRIES", 3)
