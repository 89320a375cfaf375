"""Every minute: events whose nudge was lost go to the bus, and what waits is measured."""

from collections.abc import Mapping
from typing import Any

from commerce.app.messaging import relay
from commerce.entrypoints.schedule import schedule_handler
from commerce.entrypoints.telemetry import gauge
from commerce.shared import clock


def empty_the_outbox() -> Mapping[str, Any]:
    done = relay().run()
    waiting = relay().waiting()
    age_seconds = waiting.age_seconds(clock.now())
    gauge("OutboxWaiting", waiting.count, "Count")
    gauge("OutboxOldestAgeSeconds", age_seconds, "Seconds")
    gauge("OutboxQuarantined", waiting.set_aside, "Count")
    return {
        "published": done.published,
        "refused": done.refused,
        "waiting": waiting.count,
        "set_aside": waiting.set_aside,
    }


handler = schedule_handler(empty_the_outbox)
