"""Products were viewed -> the views go to the bus, as ProductViewed."""

from commerce.bootstrap import passing_events
from commerce.entrypoints.queue import nudge_handler
from commerce.shared.bus import EventBridgeBus

handler = nudge_handler(lambda: passing_events().move_to(EventBridgeBus(attempts=1)))
