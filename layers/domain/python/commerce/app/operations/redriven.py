"""The dead letters that were redriven lately, by the audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from commerce.app.shop import Shop
from commerce.runtime.db.statement import precompiled
from commerce.shared.clock import first_id_at

if TYPE_CHECKING:
    from commerce.app.operations import statements as sql
else:
    sql = precompiled("commerce.app.operations.statements")

REDRIVE = "dlq redrive"
"""The audit's name for a redrive, at the console and by command."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """The number of different messages of a queue that were redriven, and the last time."""

    messages: int
    last_at: datetime


def redriven_lately(shop: Shop, *, since: datetime) -> Mapping[str, Redriven]:
    """Return what was redriven since then, by queue."""
    found = shop.uow.read(sql.REDRIVEN(action=REDRIVE, since_id=first_id_at(since)))
    return {row.queue: Redriven(row.messages, row.last_at) for row in found}
