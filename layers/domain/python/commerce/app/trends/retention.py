"""Retention of samples."""

from datetime import timedelta
from typing import TYPE_CHECKING

from commerce.runtime.db.retention import Retention
from commerce.runtime.db.statement import precompiled

if TYPE_CHECKING:
    from commerce.app.trends import statements as sql
else:
    sql = precompiled("commerce.app.trends.statements")

RETENTIONS = (Retention("trend_samples", timedelta(days=8), sql.DELETE_EXPIRED),)
