"""Every five minutes: the books are checked, and what stands of the findings is measured."""

from collections.abc import Mapping
from typing import Any

from commerce.app.reconciliation.runs import ages_seconds, check_books
from commerce.entrypoints.schedule import schedule_handler
from commerce.entrypoints.telemetry import gauge


def reconcile_books() -> Mapping[str, Any]:
    run, full = check_books()
    ages = ages_seconds()
    gauge("BooksFindings", len(run.findings), "Count")
    if ages.incremental is not None:
        gauge("BooksAgeSeconds", ages.incremental, "Seconds")
    if ages.full is not None:
        gauge("FullReconciliationAgeSeconds", ages.full, "Seconds")
    return {
        "checked": run.checked,
        "findings": run.findings[:10],
        "is_complete": run.is_complete,
        "seconds": run.seconds,
        "full_run_ended": full is not None and full.ended_at is not None,
    }


handler = schedule_handler(reconcile_books)
