"""Deletion of the rows that are past their retention."""

from commerce.app.alerts.retention import RETENTIONS as ALERT_RETENTIONS
from commerce.app.reconciliation.runs.retention import RETENTIONS as RUN_RETENTIONS
from commerce.app.trends.retention import RETENTIONS as TREND_RETENTIONS
from commerce.drop.retention import RETENTIONS as DROP_RETENTIONS
from commerce.notification.retention import RETENTIONS as MAIL_RETENTIONS
from commerce.ranking.periods.retention import RETENTIONS as RANKING_RETENTIONS
from commerce.runtime.db import retention
from commerce.runtime.db.current import database
from commerce.user.retention import RETENTIONS as USER_RETENTIONS


def delete_expired() -> dict[str, int]:
    """Delete the rows that are past their retention; return how many of each kind."""
    retentions = [
        *retention.RETENTIONS,
        *USER_RETENTIONS,
        *DROP_RETENTIONS,
        *MAIL_RETENTIONS,
        *RANKING_RETENTIONS,
        *RUN_RETENTIONS,
        *ALERT_RETENTIONS,
        *TREND_RETENTIONS,
    ]
    return retention.delete_expired(database(), retentions)
