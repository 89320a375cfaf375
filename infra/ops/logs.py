"""The functions' log: the newest lines with an id, an alert's code or a word."""

import argparse
import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.arguments import whole_number
from infra.ops.command import DONE, FOUND, Answer, add_command
from infra.ops.target import OpsError, Target, client
from infra.ops.terminal import aside, people, show_table

POLL_SECONDS = 1
LATE_SECONDS = 30  # so long after it was written a line may arrive


def add_to(commands: Any) -> None:
    """Add the command `logs`."""
    logs = add_command(commands, "logs", search, show, "lines of the functions' log")
    logs.add_argument("words", nargs="*", help="an id, an alert's code, a word: lines with all")
    logs.add_argument("--follow", action="store_true", help="print new lines until Ctrl-C")
    logs.add_argument("--since", type=whole_number, default=60, metavar="MINUTES")
    logs.add_argument("--limit", type=whole_number, default=50, help="so many of the newest")


def search(target: Target, options: argparse.Namespace) -> Answer:
    """Find the newest lines that contain all words; with --follow print those to come."""
    if options.follow:
        for line in follow(target, options.words):
            print(json.dumps(line) if options.json else text_of(line), flush=True)
    with aside.status("reading"):
        lines = find(target, options.words, timedelta(minutes=options.since), options.limit)
    return DONE if lines else FOUND, {"lines": lines}


def follow(target: Target, words: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the lines that are written from now on and contain every word, without an end.

    Lines of several functions arrive out of order: those of the last seconds are looked at again.
    """
    seen: dict[tuple[str, ...], int] = {}
    began = int(time.time() * 1000)
    while True:
        oldest = max(began, int((time.time() - LATE_SECONDS) * 1000))
        for event in _events(target, words, oldest):
            id_ = _id_of(event)
            if id_ not in seen:
                seen[id_] = event["timestamp"]
                yield _line(event)
        seen = {id_: at for id_, at in seen.items() if at >= oldest}
        time.sleep(POLL_SECONDS)


def _id_of(event: dict[str, Any]) -> tuple[str, ...]:
    """Return what tells an event from others; an emulator may give them no ids."""
    if "eventId" in event:
        return (event["eventId"],)
    return str(event["timestamp"]), event.get("logStreamName", ""), event["message"]


def text_of(line: dict[str, Any]) -> str:
    """Return a line of the log as one for people."""
    cells = (str(line.get(name, "")) for name in ("level", "function_name", "route", "status"))
    return " ".join(filter(None, [line["at"], *cells, _text(line)]))


def _text(line: dict[str, Any]) -> str:
    """Return the message with its error's code, and the last line of its exception."""
    error = str(line.get("exception", "")).strip().rpartition("\n")[2]
    parts = (str(line.get(name, "")) for name in ("message", "code"))
    return "\n".join(part for part in (" ".join(filter(None, parts)), error) if part)


def show(answer: dict[str, Any]) -> None:
    """Print the lines as a table."""
    rows = [
        [each["at"], each.get("level"), each.get("function_name"), each.get("route"),
         each.get("status"), _text(each)]
        for each in answer["lines"]
    ]  # fmt: skip
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
    started = datetime.now(UTC) - since
    events = _events(target, words, int(started.timestamp() * 1000))
    return [_line(event) for event in deque(events, maxlen=limit)]


def _events(target: Target, words: Sequence[str], from_ms: int) -> Iterator[dict[str, Any]]:
    group = group_of(target.stack)
    if not exists(group):
        raise OpsError(f"There is no log {group}: is --stack right?")
    pages = (
        client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=group,
            filterPattern=" ".join(f'"{word.replace(chr(34), " ")}"' for word in words),
            startTime=from_ms,
        )
    )
    for page in pages:
        yield from page["events"]


def _line(event: dict[str, Any]) -> dict[str, Any]:
    """Return a function's line with its fields; one of Lambda's own has only a message."""
    try:
        line = json.loads(event["message"])
    except ValueError:
        line = {"message": event["message"].strip()}
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
    return {"at": at, **(line if isinstance(line, dict) else {"message": str(line)})}
