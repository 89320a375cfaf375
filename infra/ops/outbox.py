"""The outbox: what waits for the bus, and how many events are quarantined."""

import argparse
from typing import Any

from infra.arguments import whole_number
from infra.ops.command import DONE, Answer, add_command
from infra.ops.target import Target
from infra.ops.terminal import age, people, show_fields

LISTED = 50


def add_to(commands: Any) -> None:
    """Add the command `outbox`."""
    outbox = add_command(
        commands, "outbox", inspect, show, "how many events wait for the bus, and since when"
    )
    outbox.add_argument(
        "action", nargs="?", choices=["list"], help="list: the waiting events, oldest first"
    )
    outbox.add_argument("--limit", type=whole_number, default=LISTED, help="so many waiting events")


def inspect(target: Target, options: argparse.Namespace) -> Answer:
    """Count the waiting events and the quarantined ones; with `list` list the waiting ones."""
    if options.action == "list":
        return list_waiting(target, options)
    target.use_database()
    from commerce.app import messaging
    from commerce.shared import clock

    waiting = messaging.relay().waiting()
    return DONE, {
        "waiting": waiting.count,
        "oldest_age_seconds": round(waiting.age_seconds(clock.now())),
        "set_aside_count": waiting.quarantined,
    }


def list_waiting(target: Target, options: argparse.Namespace) -> Answer:
    """List the events that wait for the relay, oldest first."""
    target.use_database()
    from commerce.app import messaging
    from commerce.shared import clock

    now = clock.now()
    relay = messaging.relay()
    events = [
        {
            "id": str(each.id),
            "type": each.type,
            "aggregate_id": str(each.aggregate_id),
            "age_seconds": round((now - each.occurred_at).total_seconds()),
            "refusals": each.refusals,
            "trace_id": each.trace_id,
            "data": each.data,
        }
        for each in relay.list_waiting(options.limit)
    ]
    return DONE, {"waiting": relay.waiting().count, "events": events}


def show(answer: dict[str, Any]) -> None:
    """Print how many events wait and are quarantined; or the waiting ones."""
    if "events" in answer:
        columns = ["id", "type", "aggregate_id", "age_seconds", "refusals", "trace_id"]
        if answer["events"]:
            show_fields(columns, answer["events"])
        people.print(f"{len(answer['events'])} of {answer['waiting']} waiting events")
        return
    people.print(f"{answer['waiting']} events wait, the oldest {age(answer['oldest_age_seconds'])}")
    people.print(f"{answer['set_aside_count']} events are quarantined: quarantine list")
