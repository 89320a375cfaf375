"""Every five minutes: what is wrong is sampled for the console's trends, and recorded as alerts."""

from collections.abc import Mapping
from typing import Any

from commerce.app.trends import take_sample
from commerce.entrypoints.schedule import schedule_handler
from commerce.entrypoints.telemetry import gauge


def sample() -> Mapping[str, Any]:
    sampled = take_sample()
    gauge("SourcesNotSampled", len(sampled.missing), "Count")
    return {
        "slot": sampled.slot.isoformat(),
        "missing": sampled.missing,
        "wrong": [f"{each.code} {each.about}" for each in sampled.conditions][:20],
    }


handler = schedule_handler(sample)
