"""What periodical rankings forget in time. What they show is kept."""

from datetime import timedelta

from commerce.ranking.periods.tables import ranking_candidate_table, ranking_run_table
from commerce.runtime.db.retention import Retention

RETENTIONS = (
    # A killed run's; every other one removes its own. An execution ends after an hour at most.
    Retention.of(
        "ranking_candidates",
        ranking_candidate_table,
        ranking_candidate_table.c.ranked_at,
        timedelta(days=1),
    ),
    # Reports, with their chunks: those of the same month a year ago are still there.
    Retention.of(
        "ranking_runs", ranking_run_table, ranking_run_table.c.begun_at, timedelta(days=400)
    ),
)
