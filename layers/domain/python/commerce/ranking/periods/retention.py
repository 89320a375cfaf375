"""Retention of periodical rankings' working rows and reports. Published ranks are kept."""

from datetime import timedelta

from commerce.ranking.periods.tables import ranking_candidate_table, ranking_run_table
from commerce.runtime.db.retention import Expiry

EXPIRIES = (
    # Left by killed runs; others delete theirs when they end, after an hour at most.
    Expiry.of(
        "ranking_candidates",
        ranking_candidate_table,
        ranking_candidate_table.c.ranked_at,
        timedelta(days=1),
    ),
    # Reports, with their chunks: the same month of the year before can still be compared.
    Expiry.of("ranking_runs", ranking_run_table, ranking_run_table.c.begun_at, timedelta(days=400)),
)
