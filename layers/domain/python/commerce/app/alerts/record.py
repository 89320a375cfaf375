"""The record of what was alerted, for operators: the first time, the last, and how often.

It is written after an alert was sent, and never in its way: where it cannot be written, that is
logged and nothing else changes.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from commerce.runtime.alerts import Alert
from commerce.runtime.db.current import database
from commerce.runtime.db.statement import precompiled
from commerce.shared import clock

if TYPE_CHECKING:
    from commerce.app.alerts import statements as sql
else:
    sql = precompiled("commerce.app.alerts.statements")

STANDS_FOR = timedelta(minutes=11)
"""A condition that is seen again within two periods of the sampler has stood in between."""
MAX_ABOUT, MAX_SUMMARY = 200, 500

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that is wrong now; `runbook` is a file of docs/runbooks."""

    code: str
    about: str
    summary: str
    runbook: str


def raised(alert: Alert) -> None:
    """Record that the alert was raised once more. Never raises."""
    now = clock.now()
    try:
        database().run([sql.RAISE(rows=[_row(alert, now)])])
    except Exception:
        logger.warning("alert %s %s was not recorded", alert.code, alert.about, exc_info=True)


def seen(conditions: Sequence[Condition], now: datetime) -> None:
    """Record which conditions stand at this moment; what stood before is no new occurrence."""
    if conditions:
        rows = [_row(each, now) for each in conditions]
        database().run([sql.SEE(rows=rows, new_before=now - STANDS_FOR)])


def _row(alert: Alert | Condition, now: datetime) -> dict[str, str]:
    at = clock.rfc3339(now)
    return {
        "id": str(clock.new_id()),
        "code": alert.code,
        "about": alert.about[:MAX_ABOUT],
        "summary": alert.summary[:MAX_SUMMARY],
        "runbook": alert.runbook,
        "first_at": at,
        "last_at": at,
    }
