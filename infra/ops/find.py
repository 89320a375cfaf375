"""Find what an id, a transaction key, a trace or a login id names."""

import argparse
import os
from typing import Any

from infra.ops import logs
from infra.ops.acts import act
from infra.ops.command import DONE, FOUND, Answer, add_command
from infra.ops.target import Target
from infra.ops.terminal import people, show_error, show_fields

# The search for a user is recorded with the user who is found, not with the words.
SUBJECT = "an id"


def add_to(commands: Any) -> None:
    """Add the command `find`."""
    found = add_command(commands, "find", find, show, "what an id, TR-… key, trace or login id is")
    found.add_argument("text", help="any id, with or without quotes around it")


def find(target: Target, options: argparse.Namespace) -> Answer:
    """Look everything up; exits with 1 where nothing is found."""
    target.use_database()
    target.use_queues()
    os.environ["LOG_GROUP_NAME"] = logs.group_of(target.stack)
    with act(target, "find", SUBJECT) as by:
        from commerce.app.operations.finding import find as find_by_id
        from commerce.shared.scopes import Scope

        found = find_by_id(options.text, scopes={Scope.ADMIN}, by=by)
    return DONE if found.found else FOUND, found.model_dump(mode="json")


def show(answer: dict[str, Any]) -> None:
    """Print what was found, a trace's entries, and what was searched."""
    if answer["found"]:
        show_fields(["kind", "id", "state", "order_id", "link"], answer["found"])
        people.print("A link goes behind the console's address: …/console#LINK", style="dim")
    else:
        show_error(f"Nothing is found by {answer['text']}.")
    if answer["entries"]:
        show_fields(["at", "kind", "what", "detail", "by", "id"], answer["entries"])
    people.print(f"Searched: {', '.join(answer['searched'])}", markup=False)
    if not answer["is_complete"]:
        show_error("Queues or log could not be searched to the end, or have more than is shown.")
    for note in answer["notes"]:
        people.print(note, markup=False)
