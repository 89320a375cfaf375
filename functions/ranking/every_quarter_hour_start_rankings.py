"""Every quarter of an hour: the rankings that are due by business time are started, once each."""

from collections.abc import Mapping
from typing import Any

from commerce.app.ranking_jobs import start_due_rankings
from commerce.entrypoints.schedule import schedule_handler
from commerce.shared import clock


def start_rankings() -> Mapping[str, Any]:
    return {"started": start_due_rankings(clock.now())}


handler = schedule_handler(start_rankings)
