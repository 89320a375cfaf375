"""Drops: their states and what keeps one from moving on, and the wake-up call for `promote`."""

import argparse
from typing import Any

from infra.arguments import whole_number
from infra.ops.acts import act
from infra.ops.command import DONE, FOUND, Answer, add_command, add_group
from infra.ops.target import OpsError, Target, client
from infra.ops.terminal import people, show_error, show_fields, show_table

LISTED = 20
QUEUE = "drop-promotion"
MEANINGS = {
    "NOT_SEALED": "the draw's time is over, and its entries are not sealed",
    "NOT_DRAWN": "its beacon's round is published, and it is not drawn",
    "NOT_PROMOTED": "units or entries wait for promote",
    "NOT_ENDED": "it is cancelled, and not all of its entries have ended",
}
_TIMES = ("entries_at", "draws_at", "sealed_at", "beacon_at", "drawn_at", "offers_until",
          "ended_at")  # fmt: skip
_TERMS = ("mode", "claim_minutes", "accounts_before", "verified_only", "coupons_allowed",
          "terms_hash", "beacon_chain", "beacon_round", "log_head")  # fmt: skip


def add_to(commands: Any) -> None:
    """Add the commands `drops …`."""
    drops = add_group(commands, "drops", "drops: their states, and what one waits for")
    listed = add_command(drops, "list", list_drops, show_drops, "the newest drops, drafts too")
    listed.add_argument("--limit", type=whole_number, default=LISTED)
    shown = add_command(drops, "show", inspect, show_drop, "a drop's times, entries and units")
    shown.add_argument("drop_id", metavar="ID")
    add_command(
        drops, "promote", promote, show_promoted,
        "wake promote now: it seals, draws, offers and closes what is due, and nothing else",
    )  # fmt: skip


def list_drops(target: Target, options: argparse.Namespace) -> Answer:
    """List the newest drops; something is found where one waits for too long."""
    target.use_database()
    from commerce.app.transactions import in_transaction
    from commerce.drop import DropFacade

    page = in_transaction(DropFacade.list, limit=options.limit, after=None, with_drafts=True)
    drops = [_inspected(each.drop_id) for each in page.items]
    return FOUND if any(each["trouble"] for each in drops) else DONE, {"drops": drops}


def inspect(target: Target, options: argparse.Namespace) -> Answer:
    """Show a drop; something is found where it waits for too long."""
    target.use_database()
    drop = _inspected(options.drop_id)
    return FOUND if drop["trouble"] else DONE, drop


def promote(target: Target, _options: argparse.Namespace) -> Answer:
    """Send the message that a commit sends which frees a unit: promote runs at once."""
    queue = target.queue(QUEUE)
    if not queue.url:
        raise OpsError(f"The stack {target.stack} names no queue {QUEUE}: is --stack right?")
    with act(target, "drops promote", queue.name):
        sent = client("sqs").send_message(QueueUrl=queue.url, MessageBody="{}")
    return DONE, {"queue": queue.name, "message_id": sent["MessageId"]}


def show_drops(answer: dict[str, Any]) -> None:
    """Print a line for each drop, and what keeps those that are stuck."""
    columns = ["drop_id", "state", "draws_at", "offers_until", "entries", "units", "held",
               "bought", "returned", "trouble"]  # fmt: skip
    show_fields(columns, [{**each, **_totals(each)} for each in answer["drops"]])
    for drop in answer["drops"]:
        _show_trouble(drop)


def show_drop(drop: dict[str, Any]) -> None:
    """Print times, terms, units and entries of a drop, and what keeps it if it is stuck."""
    people.print(f"{drop['drop_id']}: {drop['state']}, by the database's clock at {drop['now']}")
    named = [*_TIMES, *_TERMS]
    show_table(["field", "value"], [[name.replace("_", " "), drop[name]] for name in named])
    lots = ["product_id", "units", "returned", "entries", "held", "bought", "served"]
    show_fields(lots, drop["lots"])
    show_table(["entries", "number"], list(drop["statuses"].items()))
    _show_trouble(drop)


def show_promoted(answer: dict[str, Any]) -> None:
    """Print that promote was woken."""
    people.print(f"promote is woken: message {answer['message_id']} in {answer['queue']}")


def _show_trouble(drop: dict[str, Any]) -> None:
    if drop["trouble"]:
        show_error(
            f"{drop['drop_id']} is stuck: {MEANINGS[drop['trouble']]}. See"
            ' docs/runbooks/drop-stuck.md; make ops ARGS="drops promote" tries again at once.'
        )


def _inspected(drop_id: str) -> dict[str, Any]:
    from commerce.app.transactions import in_transaction
    from commerce.drop import DropFacade

    return in_transaction(DropFacade.inspect, drop_id).model_dump(mode="json")


def _totals(drop: dict[str, Any]) -> dict[str, int]:
    return {name: sum(lot[name] for lot in drop["lots"]) for name in ("units", "returned")}
