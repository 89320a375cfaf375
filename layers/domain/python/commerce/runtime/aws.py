"""AWS clients, made on first use, with time-outs that a caller can wait for."""

from collections.abc import Callable
from functools import cache
from typing import Any

from commerce.runtime.deadline import left_seconds

_CONNECT_SECONDS = 1.0


@cache
def client(service: str, *, attempts: int = 3, answer_within_seconds: float = 3) -> Any:
    """Return the boto3 client of a service; a try takes at most 1 s more, to connect.

    No call outlasts the invocation: a try gets what is left, and is not begun without time for it.
    """
    # Imported on use: a function that calls no AWS service starts without boto3.
    import boto3
    from botocore.config import Config

    connect_seconds = min(_CONNECT_SECONDS, answer_within_seconds)
    config = Config(
        connect_timeout=connect_seconds,
        read_timeout=answer_within_seconds,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )
    make: Callable[..., Any] = boto3.client
    made = make(service, config=config)
    _end_in_time(made.meta.events, connect_seconds, answer_within_seconds)
    return made


def _end_in_time(events: Any, connect_seconds: float, answer_seconds: float) -> None:
    from botocore.exceptions import ClientError, ConnectTimeoutError

    def limit(request: Any, **_: Any) -> None:
        left = left_seconds(connect_seconds + answer_seconds) - connect_seconds
        if left <= 0:
            raise ConnectTimeoutError(endpoint_url=request.url)
        request.context["read_timeout"] = left

    def end(attempts: int, operation: Any, response: Any, caught_exception: Any, **_: Any) -> None:
        longest_pause = 2.0 ** (attempts - 1)
        if left_seconds() > longest_pause + connect_seconds:
            return
        if caught_exception is not None:
            raise caught_exception
        if response[0].status_code >= 400:
            raise ClientError(response[1], operation.name)

    events.register_first("before-send", limit)
    events.register_first("needs-retry", end)
