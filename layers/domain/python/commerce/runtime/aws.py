"""AWS clients: made on first use, kept, and never waited for longer than a caller would."""

from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def client(service: str, *, attempts: int = 3, answer_within_seconds: float = 3) -> Any:
    """The boto3 client of one service; a try takes 1 s to connect at most, and then to answer."""
    # Imported on use: a function that calls nothing of AWS starts without boto3.
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=min(1, answer_within_seconds),
        read_timeout=answer_within_seconds,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )
    make: Callable[..., Any] = boto3.client
    return make(service, config=config)
