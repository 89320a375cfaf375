"""What the functions' log says of an id, an alert or a word."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.ops.target import OpsError, Target, client


def find(
    target: Target, words: Sequence[str], since: timedelta, limit: int
) -> list[dict[str, Any]]:
    """The newest lines, at most `limit`, that hold every word. Raises OpsError without a log."""
    logs, group = client("logs"), f"/lastunit/{target.stack}"
    if not any(
        each["logGroupName"] == group
        for each in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    ):
        raise OpsError(f"There is no log {group}: is --stack right?")
    started = datetime.now(UTC) - since
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        filterPattern=" ".join(f'"{word.replace(chr(34), " ")}"' for word in words),
        startTime=int(started.timestamp() * 1000),
    )
    found = [event for page in pages for event in page["events"]]
    return [_line(event) for event in found[-limit:]]


def _line(event: dict[str, Any]) -> dict[str, Any]:
    """A line as its function wrote it; what the platform wrote has a message alone."""
    try:
        told = json.loads(event["message"])
    except ValueError:
        told = {"message": event["message"].strip()}
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
    return {"at": at, **(told if isinstance(told, dict) else {"message": str(told)})}
