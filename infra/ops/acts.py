"""The audit: commands are recorded in it as staff's requests are, and it can be read."""

import argparse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from commerce.shared import clock
from infra.arguments import whole_number
from infra.ops.command import DONE, Answer, add_command
from infra.ops.target import Target, operator
from infra.ops.terminal import show_fields

SHOWN = 50


@contextmanager
def act(target: Target, command: str, subject: str) -> Iterator[str]:
    """Record a command that changes something, and how it ended; yields who gave it."""
    target.use_database()
    from commerce.app.transactions import in_transaction
    from commerce.runtime import audit
    from commerce.runtime.audit import Outcome, StaffAct
    from commerce.shared import trace
    from commerce.shared.errors import CommerceError

    trace.follow(f"ops-{uuid.uuid4()}")
    begun = StaffAct(clock.new_id(), operator(), f"make ops {command}", subject)

    def end(outcome: Outcome, code: str | None = None) -> None:
        in_transaction(lambda shop: audit.end_act(shop.uow, begun, outcome, code))

    in_transaction(lambda shop: audit.begin_act(shop.uow, begun))
    try:
        yield begun.by
    except CommerceError as refusal:
        end(Outcome.REFUSED, refusal.code)
        raise
    except Exception as failure:
        end(Outcome.FAILED, type(failure).__name__)
        raise
    end(Outcome.DONE)


def add_to(commands: Any) -> None:
    """Add the command `audit`."""
    audit = add_command(commands, "audit", read, show, "what staff, API keys and operators did")
    audit.add_argument("--since", type=moment, metavar="MOMENT", help="2026-11-30T09:00:00Z")
    audit.add_argument("--until", type=moment, metavar="MOMENT", help="before this moment")
    audit.add_argument("--by", help="admin:USER_ID, key:API_KEY_ID, or an operator's name")
    audit.add_argument("--action", help="POST /admin/brands, or make ops staff grant")
    audit.add_argument("--limit", type=whole_number, default=SHOWN, help="so many, the newest")


def read(target: Target, options: argparse.Namespace) -> Answer:
    """List the newest acts."""
    target.use_database()
    from commerce.app.audit import acts
    from commerce.app.transactions import in_transaction

    page = in_transaction(
        acts, by=options.by, action=options.action, since=options.since, until=options.until,
        limit=options.limit,
    )  # fmt: skip
    return DONE, {"acts": [each.model_dump(mode="json") for each in page.items]}


def show(answer: dict[str, Any]) -> None:
    """Print the acts."""
    show_fields(["at", "by", "action", "subject", "outcome", "code", "request_id"], answer["acts"])


def moment(text: str) -> datetime:
    """Read a moment that was typed. Raises ValueError."""
    return clock.parse_rfc3339(text)
