"""Retention of the runs' reports."""

from datetime import timedelta
from typing import TYPE_CHECKING

from commerce.runtime.db.retention import Retention
from commerce.runtime.db.statement import precompiled

if TYPE_CHECKING:
    from commerce.app.reconciliation.runs import statements as sql
else:
    sql = precompiled("commerce.app.reconciliation.runs.statements")

RETENTIONS = (Retention("reconciliation_runs", timedelta(days=30), sql.DELETE_EXPIRED),)
