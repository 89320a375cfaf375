"""AWS clients: made on first use, kept, and never waited for longer than a caller would."""

from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def client(service: str, *, timeout_seconds: float = 3, tries: int = 3) -> Any:
    """The boto3 client of one service; 1 s at most to connect, 3 s to answer, two more tries."""
    # Imported on use: a function that calls nothing of AWS starts without boto3.
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=min(1, timeout_seconds),
        read_timeout=timeout_seconds,
        retries={"total_max_attempts": tries, "mode": "standard"},
    )
    make: Callable[..., Any] = boto3.client
    return make(service, config=config)
