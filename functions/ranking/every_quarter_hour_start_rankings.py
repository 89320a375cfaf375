"""Every quarter of an hour: start the weekly and monthly rankings that are due, once each."""

from commerce.app.ranking_jobs import start_due_rankings
from commerce.entrypoints.schedule import schedule_handler

handler = schedule_handler(start_due_rankings)
