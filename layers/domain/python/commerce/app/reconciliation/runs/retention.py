"""Retention of the runs' reports."""

from datetime import timedelta

from commerce.app.reconciliation.runs.tables import reconciliation_run_table
from commerce.runtime.db.retention import Retention

RETENTIONS = (
    Retention.of(
        "reconciliation_runs",
        reconciliation_run_table,
        reconciliation_run_table.c.begun_at,
        timedelta(days=30),
    ),
)
