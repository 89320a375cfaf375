"""Retention of samples."""

from datetime import timedelta

from commerce.app.trends.tables import trend_sample_table
from commerce.runtime.db.retention import Retention

RETENTIONS = (
    Retention.of("trend_samples", trend_sample_table, trend_sample_table.c.slot, timedelta(days=8)),
)
