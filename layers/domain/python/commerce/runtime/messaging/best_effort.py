"""Best-effort events: published without a transaction, so a few may be lost.

They wait in a list in Valkey until a function publishes them. At most one caller a second nudges
that function; recording an event costs the others one round trip to Valkey.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from commerce.runtime.cache.valkey import Valkey
from commerce.runtime.messaging.bus import Bus, Envelope, batches
from commerce.shared.events import Event

LIST = "lastunit:passing:1"
NUDGED = "lastunit:passing:1:nudged"
MAX_WAITING = 100_000  # beyond this, the oldest are dropped
PAUSE_SECONDS = 1  # between two nudges, and between a nudge and its delivery
CHUNK = 200  # events taken from the list at once

logger = logging.getLogger(__name__)


class BestEffortEvents:
    """Events that are recorded now and published about a second later."""

    def __init__(self, valkey: Valkey, nudge: Callable[[], None]) -> None:
        self._valkey = valkey
        self._nudge = nudge

    def record(self, event: Event) -> None:
        """Record the event if Valkey answers at once, else drop it. Never fails."""
        text = json.dumps(event.envelope())

        def push(client: Any) -> bool:
            pipeline = client.pipeline(transaction=False)
            pipeline.rpush(LIST, text)
            pipeline.set(NUDGED, 1, nx=True, ex=PAUSE_SECONDS)
            waiting, is_first = pipeline.execute()
            if waiting > MAX_WAITING:
                client.ltrim(LIST, -MAX_WAITING, -1)
            return is_first is True

        if self._valkey.run(push):
            self._nudge()

    def move_to(self, bus: Bus) -> int:
        """Publish the recorded events; return how many the bus took.

        They are taken from the list first: a function that is killed in between loses them, but
        none is published twice.
        """
        moved = 0
        for _ in range(MAX_WAITING // CHUNK):
            taken = self._valkey.run(lambda client: client.lpop(LIST, CHUNK))
            if not taken:
                break
            for batch in batches(_readable(taken)):
                refused = [reason for reason in bus.put(batch) if reason]
                if refused:
                    logger.warning(
                        "the bus refused %d best-effort events: %s", len(refused), refused
                    )
                moved += len(batch) - len(refused)
        return moved


def _readable(texts: Any) -> list[Envelope]:
    envelopes: list[Envelope] = []
    for text in texts if isinstance(texts, list) else []:
        try:
            envelopes.append(json.loads(text))
        except ValueError:
            logger.warning("a best-effort event is not JSON: %r", text[:100])
    return envelopes
