"""Every minute: events whose nudge was lost are published, and what still waits is measured."""

from collections.abc import Mapping
from typing import Any

from commerce.app.messaging import publish_events, relay
from commerce.entrypoints.schedule import schedule_handler
from commerce.entrypoints.telemetry import gauge
from commerce.shared import clock


def relay_events() -> Mapping[str, Any]:
    done = publish_events()
    waiting = relay().waiting()
    gauge("OutboxWaiting", waiting.count, "Count")
    gauge("OutboxOldestAgeSeconds", waiting.age_seconds(clock.now()), "Seconds")
    gauge("OutboxQuarantined", waiting.quarantined, "Count")
    return {
        "published": done.published,
        "refused": done.refused,
        "waiting": waiting.count,
        "quarantined": waiting.quarantined,
    }


handler = schedule_handler(relay_events)
