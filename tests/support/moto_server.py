"""moto's server with queues that many may use at once.

moto looks whether a message is visible and then hides it, with nothing in between that keeps a
second receiver out: under load it hands one message to two. SQS may do so too, and consumers of
ours claim what they do because of it; but tests that count who got a message need a queue where
whoever has it in hand has it alone.
"""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.server import main
from moto.sqs.models import Message, SQSBackend

POLL_SECONDS = 0.05
CHANGES = ("send_message", "delete_message", "change_message_visibility")

_one_at_a_time = threading.RLock()
_receive = SQSBackend.receive_message


def _receive_alone(
    self: SQSBackend, queue_name: str, count: int, wait_seconds: int, *options: Any
) -> list[Message]:
    """Poll without moto's own waiting, which would keep the lock."""
    ends_at = time.monotonic() + wait_seconds
    while True:
        with _one_at_a_time:
            found = _receive(self, queue_name, count, 0, *options)
        if found or time.monotonic() > ends_at:
            return found
        time.sleep(POLL_SECONDS)


def _alone(change: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(change)
    def alone(*arguments: Any, **options: Any) -> Any:
        with _one_at_a_time:
            return change(*arguments, **options)

    return alone


if __name__ == "__main__":
    SQSBackend.receive_message = _receive_alone  # type: ignore[method-assign,assignment]
    for each in CHANGES:
        setattr(SQSBackend, each, _alone(getattr(SQSBackend, each)))
    main()
