"""Retention of the record of alerts."""

from datetime import timedelta

from commerce.app.alerts.tables import alert_table
from commerce.runtime.db.retention import Retention

RETENTIONS = (
    # Shown for seven days after it was raised last, and silenced on the last of them for as long.
    Retention.of("alerts", alert_table, alert_table.c.last_at, timedelta(days=15)),
)
