"""Card payments without their result or refund."""

import argparse
from datetime import timedelta
from typing import Any

from infra.arguments import whole_number
from infra.ops.command import DONE, FOUND, Answer, add_command, add_group
from infra.ops.target import Target
from infra.ops.terminal import age, people, show_table


def add_to(commands: Any) -> None:
    """Add the commands `payments …`."""
    payments = add_group(commands, "payments", "card payments")
    unknown = add_command(
        payments, "unknown", list_unfinished, show, "payments without their result or refund"
    )
    unknown.add_argument("--limit", type=whole_number, default=100)


def list_unfinished(target: Target, options: argparse.Namespace) -> Answer:
    """List payments that wait for their result or refund, the longest waiting first."""
    target.use_database()
    from commerce.app.transactions import in_transaction
    from commerce.payment import PaymentFacade
    from commerce.shared import clock

    found = in_transaction(PaymentFacade.unfinished, timedelta(0), options.limit)
    now = clock.now()
    payments = [
        {
            "payment_id": str(each.id),
            "order_id": str(each.order_id) if each.order_id else None,
            "charge_id": str(each.charge_id) if each.charge_id else None,
            "status": each.status.value,
            "amount": each.amount.amount,
            "currency": each.amount.currency,
            "transaction_key": each.transaction_key,
            "age_seconds": round((now - each.changed_at).total_seconds()),
        }
        for each in sorted(found, key=lambda each: each.changed_at)
    ]
    return FOUND if payments else DONE, {"payments": payments}


def show(answer: dict[str, Any]) -> None:
    """Print the unfinished payments."""
    payments = answer["payments"]
    if not payments:
        people.print("Every payment has its end.")
        return
    names = ["payment_id", "status", "amount", "currency", "transaction_key"]
    show_table(
        [*(name.replace("_", " ") for name in names), "order or charge", "since"],
        [
            [
                *(each[name] for name in names),
                each["order_id"] or each["charge_id"],
                age(each["age_seconds"]),
            ]
            for each in payments
        ],
    )
