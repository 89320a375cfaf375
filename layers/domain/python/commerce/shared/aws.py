"""AWS clients: made on first use, kept, and never waited for longer than a caller would."""

from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def client(service: str) -> Any:
    """The boto3 client of one service; 1 s to connect, 3 s to answer, two more tries."""
    # Imported on use: a function that calls nothing of AWS starts without boto3.
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 3, "mode": "standard"}
    )
    make: Callable[..., Any] = boto3.client
    return make(service, config=config)
