"""Every minute: drops are moved on where a nudge was lost, and what waits is measured."""

from collections.abc import Mapping
from typing import Any

from commerce.app.drops import promote
from commerce.entrypoints.schedule import schedule_handler


def promote_drops() -> Mapping[str, Any]:
    done = promote()
    return {
        "numbered": done.numbered,
        "offered": done.offered,
        "lapsed": done.lapsed,
        "awaiting_beacon": done.awaiting_beacon,
        "failed": done.failed,
    }


handler = schedule_handler(promote_drops)
