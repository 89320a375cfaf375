"""The functions' log: the newest lines with an id, an alert's code or a word."""

import argparse
import json
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.arguments import whole_number
from infra.ops.command import DONE, FOUND, Answer, add_command
from infra.ops.target import OpsError, Target, client
from infra.ops.terminal import aside, people, show_table


def add_to(commands: Any) -> None:
    """Add the command `logs`."""
    logs = add_command(commands, "logs", search, show, "lines of the functions' log")
    logs.add_argument("words", nargs="+", help="an id, an alert's code, a word: lines with all")
    logs.add_argument("--since", type=whole_number, default=60, metavar="MINUTES")
    logs.add_argument("--limit", type=whole_number, default=50, help="so many of the newest")


def search(target: Target, options: argparse.Namespace) -> Answer:
    """Find the newest lines that contain all words."""
    with aside.status("reading"):
        lines = find(target, options.words, timedelta(minutes=options.since), options.limit)
    return DONE if lines else FOUND, {"lines": lines}


def show(answer: dict[str, Any]) -> None:
    """Print the lines, each with its error's code or the last line of its exception."""
    rows = []
    for each in answer["lines"]:
        error = str(each.get("exception", "")).strip().rpartition("\n")[2]
        parts = (str(each.get(name, "")) for name in ("message", "code"))
        text = "\n".join(part for part in (" ".join(filter(None, parts)), error) if part)
        rows.append(
            [each["at"], each.get("level"), each.get("function_name"), each.get("route"),
             each.get("status"), text]
        )  # fmt: skip
    if rows:
        show_table(["at", "level", "function", "route", "status", "line"], rows)
    else:
        people.print("No line has all of it; --since looks further back.")


def group_of(stack: str) -> str:
    """Return the log group of all functions of a stack."""
    return f"/lastunit/{stack}"


@cache
def exists(group: str) -> bool:
    """Tell if there is a log; cached, as without one every search would wait for its refusal."""
    try:
        found = client("logs").describe_log_groups(logGroupNamePrefix=group)
    except (ClientError, BotoCoreError):
        return False
    return any(each["logGroupName"] == group for each in found["logGroups"])


def find(
    target: Target, words: Sequence[str], since: timedelta, limit: int
) -> list[dict[str, Any]]:
    """Return the newest lines, at most `limit`, that contain every word.

    Raises:
        OpsError: the stack has no log.
    """
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
    """Return a function's line with its fields; one of Lambda's own has only a message."""
    try:
        line = json.loads(event["message"])
    except ValueError:
        line = {"message": event["message"].strip()}
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
    return {"at": at, **(line if isinstance(line, dict) else {"message": str(line)})}
