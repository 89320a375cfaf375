"""The quarantine: events that the bus can never take are listed, shown, requeued or discarded."""

import argparse
import json
from typing import Any
from uuid import UUID

from infra.arguments import whole_number
from infra.ops.acts import act
from infra.ops.arguments import reason
from infra.ops.command import DONE, FOUND, Answer, add_command, add_group, confirm
from infra.ops.target import Target
from infra.ops.terminal import people, show_error, show_fields

LISTED = 100


def add_to(commands: Any) -> None:
    """Add the commands `quarantine …`."""
    quarantine = add_group(commands, "quarantine", "events that the bus can never take")
    listed = add_command(
        quarantine, "list", list_events, show_events, "the quarantined events, oldest first"
    )
    listed.add_argument("--limit", type=whole_number, default=LISTED)
    shown = add_command(
        quarantine, "show", show_one, show_event, "one quarantined event with its data and cause"
    )
    requeued = add_command(
        quarantine, "requeue", requeue, show_result, "let the relay publish events again"
    )
    discarded = add_command(
        quarantine, "discard", discard, show_result, "delete events, with a reason"
    )
    gone = add_command(
        quarantine, "discarded", list_discarded, show_discarded, "what was discarded, and why"
    )
    restored = add_command(
        quarantine, "restore", restore, show_result, "give discarded events to the relay again"
    )
    gone.add_argument("--limit", type=whole_number, default=LISTED)
    shown.add_argument("event_id", type=UUID)
    for each in (requeued, discarded, restored):
        each.add_argument("event_ids", type=UUID, nargs="+", metavar="EVENT_ID")
    discarded.add_argument("--reason", type=reason, required=True)


def list_events(target: Target, options: argparse.Namespace) -> Answer:
    """List the quarantined events."""
    target.use_database()
    from commerce.runtime.db import current
    from commerce.runtime.messaging import quarantine

    found = quarantine.find(current.database(), options.limit)
    events = [{name: getattr(each, name) for name in each.__slots__} for each in found]
    return DONE, {"events": events}


def show_one(target: Target, options: argparse.Namespace) -> Answer:
    """Show one quarantined event."""
    target.use_database()
    from commerce.app.operations import EventNotQuarantined, find_event
    from commerce.app.transactions import in_transaction

    found = in_transaction(find_event, options.event_id)
    if found is None or found.state != "QUARANTINED":
        raise EventNotQuarantined
    return DONE, found.model_dump(mode="json")


def requeue(target: Target, options: argparse.Namespace) -> Answer:
    """Move events back to the outbox, each in a transaction of its own."""
    done = [id_ for id_ in options.event_ids if _requeue(target, id_)]
    return _answer("requeued", options.event_ids, done)


def discard(target: Target, options: argparse.Namespace) -> Answer:
    """Delete events, each audited with its data."""
    names = ", ".join(map(str, options.event_ids))
    confirm(
        f"Delete {names} from the quarantine? It will not be handled; its data stays in the table "
        "ops_audit.",
        options,
    )
    done = [id_ for id_ in options.event_ids if _discard(target, id_, options.reason)]
    return _answer("discarded", options.event_ids, done)


def list_discarded(target: Target, options: argparse.Namespace) -> Answer:
    """List the discarded events, the newest first."""
    target.use_database()
    from commerce.app.operations import discarded_from_quarantine
    from commerce.app.transactions import in_transaction

    found = in_transaction(discarded_from_quarantine)[: options.limit]
    events = [
        {
            "id": each.message.id,
            "at": each.at,
            "by": each.by,
            "reason": each.reason,
            "type": each.message.kind,
            "order_id": each.message.order_id,
            "body": each.message.body,
        }
        for each in found
    ]
    return DONE, {"events": events}


def restore(target: Target, options: argparse.Namespace) -> Answer:
    """Give discarded events to the relay again; those that are kept stay as they are."""
    names = [str(each) for each in options.event_ids]
    with act(target, "quarantine restore", " ".join(names)) as by:
        from commerce.app.operations import restore_events
        from commerce.app.transactions import in_transaction

        found = in_transaction(restore_events, names, by=by)
    return _answer("restored", options.event_ids, [UUID(each.id) for each in found])


def _requeue(target: Target, event_id: UUID) -> bool:
    with act(target, "quarantine requeue", str(event_id)) as by:
        from commerce.app.operations import requeue_event
        from commerce.app.transactions import in_transaction

        return in_transaction(requeue_event, event_id, by=by)


def _discard(target: Target, event_id: UUID, why: str) -> bool:
    with act(target, "quarantine discard", str(event_id)) as by:
        from commerce.app.operations import discard_event
        from commerce.app.transactions import in_transaction

        return in_transaction(discard_event, event_id, why, by=by)


def _answer(action: str, given: list[UUID], done: list[UUID]) -> Answer:
    missing = sorted({str(each) for each in given if each not in done})
    return FOUND if missing else DONE, {
        action: [str(each) for each in done], "not_found": missing
    }  # fmt: skip


def show_events(answer: dict[str, Any]) -> None:
    """Print the quarantined events."""
    if answer["events"]:
        show_fields(["id", "type", "aggregate_id", "cause", "set_aside_at"], answer["events"])
    else:
        people.print("No event is quarantined.")


def show_event(answer: dict[str, Any]) -> None:
    """Print an event's facts, and its envelope."""
    show_fields(["event_id", "type", "aggregate_id", "trace_id", "set_aside_at"], [answer])
    people.print(f"cause: {answer['cause']}", markup=False)
    body = answer["body"]
    text = body if answer["body_is_cut"] else json.dumps(json.loads(body), indent=2)
    people.print(text, markup=False)


def show_discarded(answer: dict[str, Any]) -> None:
    """Print the discarded events."""
    if answer["events"]:
        show_fields(["id", "at", "by", "reason", "type", "order_id"], answer["events"])
    else:
        people.print("No event was discarded.")


def show_result(answer: dict[str, Any]) -> None:
    """Print what was requeued, discarded or restored."""
    action = next(each for each in ("requeued", "discarded", "restored") if each in answer)
    after = "" if action == "discarded" else ": the relay tries it within a minute"
    for id_ in answer[action]:
        people.print(f"{id_} is {action}{after}")
    for id_ in answer["not_found"]:
        show_error(f"{id_} is not there: it may have been requeued, discarded or restored already")
