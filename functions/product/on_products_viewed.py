"""Products were viewed -> publish the views to the bus, as ProductViewed."""

from commerce.app.messaging import best_effort_events
from commerce.entrypoints.queue import nudge_handler
from commerce.runtime.messaging.bus import EventBridgeBus


def publish_views() -> int:
    return best_effort_events().move_to(EventBridgeBus(attempts=1))


handler = nudge_handler(publish_views)
