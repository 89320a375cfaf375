"""The queue entrypoint, shared by all functions that SQS invokes.

handlers: one message at a time. batches: all messages of a call together. received: events as they
arrive. retries: visibility of failed messages.
"""

from commerce.entrypoints.queue.batches import batch_handler, once_each
from commerce.entrypoints.queue.handlers import (
    OnFinalAttempt,
    event_handler,
    message_handler,
    nudge_handler,
)
from commerce.entrypoints.queue.received import Received
from commerce.entrypoints.queue.retries import (
    pause_seconds,
    shipping_max_tries,
    shipping_retry_base_seconds,
)

__all__ = [
    "OnFinalAttempt", "Received", "batch_handler", "event_handler", "message_handler",
    "nudge_handler", "once_each", "pause_seconds", "shipping_max_tries",
    "shipping_retry_base_seconds",
]  # fmt: skip
