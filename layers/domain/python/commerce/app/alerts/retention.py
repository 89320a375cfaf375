"""Retention of the record of alerts."""

from datetime import timedelta
from typing import TYPE_CHECKING

from commerce.runtime.db.retention import Retention
from commerce.runtime.db.statement import precompiled

if TYPE_CHECKING:
    from commerce.app.alerts import statements as sql
else:
    sql = precompiled("commerce.app.alerts.statements")

RETENTIONS = (
    # Shown for seven days after it was raised last, and silenced on the last of them for as long.
    Retention("alerts", timedelta(days=15), sql.DELETE_EXPIRED),
)
