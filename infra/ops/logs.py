"""What the functions' log says of an id, an alert or a word."""

import json
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.ops.target import OpsError, Target, client


def group_of(stack: str) -> str:
    """The log group of all functions of a stack."""
    return f"/lastunit/{stack}"


@cache
def exists(group: str) -> bool:
    """Asked once: where there is no log, every look would wait for the same refusal."""
    try:
        found = client("logs").describe_log_groups(logGroupNamePrefix=group)
    except (ClientError, BotoCoreError):
        return False
    return any(each["logGroupName"] == group for each in found["logGroups"])


def find(
    target: Target, words: Sequence[str], since: timedelta, limit: int
) -> list[dict[str, Any]]:
    """The newest lines, at most `limit`, that hold every word. Raises OpsError without a log."""
    group = group_of(target.stack)
    if not exists(group):
        raise OpsError(f"There is no log {group}: is --stack right?")
    started = datetime.now(UTC) - since
    pages = (
        client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=group,
            filterPattern=" ".join(f'"{word.replace(chr(34), " ")}"' for word in words),
            startTime=int(started.timestamp() * 1000),
        )
    )
    newest = deque((event for page in pages for event in page["events"]), maxlen=limit)
    return [_line(event) for event in newest]


def _line(event: dict[str, Any]) -> dict[str, Any]:
    """A line as its function wrote it; what the platform wrote has a message alone."""
    try:
        told = json.loads(event["message"])
    except ValueError:
        told = {"message": event["message"].strip()}
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
    return {"at": at, **(told if isinstance(told, dict) else {"message": str(told)})}
