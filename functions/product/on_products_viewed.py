"""Products were viewed -> the views go to the bus, as ProductViewed."""

from commerce.app.messaging import best_effort_events
from commerce.entrypoints.queue import nudge_handler
from commerce.runtime.messaging.bus import EventBridgeBus

handler = nudge_handler(lambda: best_effort_events().move_to(EventBridgeBus(attempts=1)))
