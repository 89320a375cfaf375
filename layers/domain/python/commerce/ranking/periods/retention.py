"""Retention of periodical rankings' working rows and reports. Published ranks are kept."""

from datetime import timedelta
from typing import TYPE_CHECKING

from commerce.runtime.db.retention import Retention
from commerce.runtime.db.statement import precompiled

if TYPE_CHECKING:
    from commerce.ranking.periods import statements as sql
else:
    sql = precompiled("commerce.ranking.periods.statements")

RETENTIONS = (
    # Left by killed runs; others delete theirs when they end, after an hour at most.
    Retention("ranking_candidates", timedelta(days=1), sql.DELETE_OLD_CANDIDATES),
    # Reports, with their chunks: the same month of the year before can still be compared.
    Retention("ranking_runs", timedelta(days=400), sql.DELETE_OLD_RUNS),
)
