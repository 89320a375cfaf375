"""The outbox: what waits for the bus, and the quarantine."""

import argparse
from typing import Any
from uuid import UUID

from infra.arguments import whole_number
from infra.ops.acts import act
from infra.ops.command import DONE, FOUND, Answer, add_command
from infra.ops.target import OpsError, Target
from infra.ops.terminal import age, people, show_fields, show_table

LISTED = 50


def add_to(commands: Any) -> None:
    """Add the command `outbox`."""
    outbox = add_command(
        commands, "outbox", inspect, show, "the waiting events and the quarantined ones"
    )
    outbox.add_argument(
        "action", nargs="?", choices=["list"], help="list: the waiting events, oldest first"
    )
    outbox.add_argument("--limit", type=whole_number, default=LISTED, help="so many waiting events")
    outbox.add_argument(
        "--put-back", type=UUID, action="append", default=[], metavar="EVENT_ID",
        help="let the relay publish a quarantined event again; may be repeated",
    )  # fmt: skip


def inspect(target: Target, options: argparse.Namespace) -> Answer:
    """Requeue the given events, then count the waiting ones and list the quarantined ones.

    With `list` the waiting ones are listed instead.
    """
    if options.action == "list":
        return list_waiting(target, options)
    target.use_database()
    from commerce.app import messaging
    from commerce.runtime.db import current
    from commerce.runtime.messaging import quarantine
    from commerce.shared import clock

    requeued = {id_ for id_ in options.put_back if _requeue(target, id_)}
    waiting = messaging.relay().waiting()
    quarantined = [
        {name: getattr(each, name) for name in each.__slots__}
        for each in quarantine.find(current.database())
    ]
    missing = sorted(map(str, set(options.put_back) - requeued))
    return FOUND if missing else DONE, {
        "waiting": waiting.count,
        "oldest_age_seconds": round(waiting.age_seconds(clock.now())),
        "set_aside_count": waiting.quarantined,
        "set_aside": quarantined,
        "put_back": sorted(map(str, requeued)),
        "not_found": missing,
    }


def list_waiting(target: Target, options: argparse.Namespace) -> Answer:
    """List the events that wait for the relay, oldest first."""
    if options.put_back:
        raise OpsError("--put-back goes without list: first the one, then the other.")
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


def _requeue(target: Target, event_id: UUID) -> bool:
    with act(target, "outbox --put-back", str(event_id)) as by:
        from commerce.app.operations import requeue_event
        from commerce.app.transactions import in_transaction

        return in_transaction(requeue_event, event_id, by=by)


def show(answer: dict[str, Any]) -> None:
    """Print how many events wait, and the quarantined ones; or the waiting ones."""
    if "events" in answer:
        columns = ["id", "type", "aggregate_id", "age_seconds", "refusals", "trace_id"]
        if answer["events"]:
            show_fields(columns, answer["events"])
        people.print(f"{len(answer['events'])} of {answer['waiting']} waiting events")
        return
    people.print(f"{answer['waiting']} events wait, the oldest {age(answer['oldest_age_seconds'])}")
    people.print(f"{answer['set_aside_count']} events are set aside")
    names = ["id", "type", "aggregate_id", "cause", "set_aside_at"]
    if answer["set_aside"]:
        show_table(names, [[each[name] for name in names] for each in answer["set_aside"]])
    for id_ in answer["put_back"]:
        people.print(f"{id_} is put back: the relay tries it within a minute")
    for id_ in answer["not_found"]:
        people.print(f"✗ {id_} was not set aside", style="red")
