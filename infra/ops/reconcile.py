"""The books: every unit, point and coupon is accounted for, or is found not to be."""

import argparse
from typing import Any

from infra.ops.command import DONE, FOUND, Answer, add_command
from infra.ops.target import Target
from infra.ops.terminal import counter, people, show_error

BOOKS = ("products", "accounts", "orders", "coupons", "drops")


def add_to(commands: Any) -> None:
    """Add the command `reconcile`."""
    add_command(commands, "reconcile", reconcile, show, "prove the books")


def reconcile(target: Target, options: argparse.Namespace) -> Answer:
    """Check all books."""
    target.use_database()
    from commerce.app import reconciliation

    found = reconciliation.reconcile(progress=counter(options))
    answer = found.model_dump(mode="json")
    return DONE if found.holds else FOUND, {"holds": found.holds, **answer}


def show(answer: dict[str, Any]) -> None:
    """Print how much was checked, and each finding."""
    checked = ", ".join(f"{answer[name]} {name}" for name in BOOKS)
    people.print(f"Looked at {checked}.")
    for each in answer["findings"]:
        facts = ", ".join(f"{name} {value}" for name, value in each["facts"].items())
        show_error(f"{each['rule']}: {facts}")
    people.print("The books hold." if answer["holds"] else "The books do not hold.")
