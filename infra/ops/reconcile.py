"""The books: every unit, point and coupon is accounted for, or is found not to be."""

import argparse
from typing import TYPE_CHECKING, Any

from infra.ops.command import DONE, FOUND, Answer, add_command
from infra.ops.target import OpsError, Target
from infra.ops.terminal import counter, people, show_error

if TYPE_CHECKING:
    from commerce.app.reconciliation.runs import Compared

BOOKS = ("products", "accounts", "orders", "coupons", "drops")


def add_to(commands: Any) -> None:
    """Add the command `reconcile`."""
    add_command(commands, "reconcile", reconcile, show, "prove the books")


def reconcile(target: Target, options: argparse.Namespace) -> Answer:
    """Check all books, and today's ranking board if Valkey can be reached."""
    target.use_database()
    from commerce.app import reconciliation

    found = reconciliation.reconcile(progress=counter(options))
    boards = _boards(target)
    answer = found.model_dump(mode="json")
    if boards is not None:
        answer["findings"] += [each.model_dump(mode="json") for each in boards.findings]
    holds = found.holds and not answer["findings"]
    compared = boards.products if boards is not None else None
    return DONE if holds else FOUND, {"holds": holds, **answer, "boards": compared}


def _boards(target: Target) -> "Compared | None":
    try:
        target.use_valkey()
    except OpsError:
        return None
    from commerce.app.reconciliation.runs import compare_boards

    return compare_boards()


def show(answer: dict[str, Any]) -> None:
    """Print how much was checked, and each finding."""
    checked = ", ".join(f"{answer[name]} {name}" for name in BOOKS)
    boards = answer["boards"]
    ranked = "no boards: Valkey does not answer" if boards is None else f"{boards} ranked products"
    people.print(f"Looked at {checked}, {ranked}.")
    for each in answer["findings"]:
        facts = ", ".join(f"{name} {value}" for name, value in each["facts"].items())
        show_error(f"{each['rule']}: {facts}")
    people.print("The books hold." if answer["holds"] else "The books do not hold.")
