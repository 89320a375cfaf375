"""AWS clients, made on first use, with time-outs that a caller can wait for."""

from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def client(service: str, *, attempts: int = 3, answer_within_seconds: float = 3) -> Any:
    """Return the boto3 client of a service; a try takes at most 1 s more, to connect."""
    # Imported on use: a function that calls no AWS service starts without boto3.
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=min(1, answer_within_seconds),
        read_timeout=answer_within_seconds,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )
    make: Callable[..., Any] = boto3.client
    return make(service, config=config)
