"""Passing events: worth telling, not worth a transaction. Some may be lost; none costs its reader.

They wait in a list in Valkey until a nudged function puts them on the bus. At most one caller a
second sends the nudge, for all: the others pay one short trip to Valkey.
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
MAX_WAITING = 100_000  # then the oldest are lost
PAUSE_SECONDS = 1  # between two nudges, and between a nudge and its delivery
CHUNK = 200  # events taken off the list at once

logger = logging.getLogger(__name__)


class BestEffortEvents:
    """Tell now, put on the bus a second later."""

    def __init__(self, valkey: Valkey, nudge: Callable[[], None]) -> None:
        self._valkey = valkey
        self._nudge = nudge

    def record(self, event: Event) -> None:
        """Remember the event, if that is possible at once. Never fails."""
        text = json.dumps(event.envelope())

        def push(server: Any) -> bool:
            pipeline = server.pipeline(transaction=False)
            pipeline.rpush(LIST, text)
            pipeline.set(NUDGED, 1, nx=True, ex=PAUSE_SECONDS)
            waiting, is_first = pipeline.execute()
            if waiting > MAX_WAITING:
                server.ltrim(LIST, -MAX_WAITING, -1)
            return is_first is True

        if self._valkey.ask(push):
            self._nudge()

    def move_to(self, bus: Bus) -> int:
        """Put what waits on the bus, and return how many events that were.

        Taken off the list first: killed in between, they are lost, but never told twice.
        """
        moved = 0
        for _ in range(MAX_WAITING // CHUNK):
            taken = self._valkey.ask(lambda server: server.lpop(LIST, CHUNK))
            if not taken:
                break
            for batch in batches(_readable(taken)):
                refused = [reason for reason in bus.put(batch) if reason]
                if refused:
                    logger.warning("the bus refused %d passing events: %s", len(refused), refused)
                moved += len(batch) - len(refused)
        return moved


def _readable(texts: Any) -> list[Envelope]:
    envelopes: list[Envelope] = []
    for text in texts if isinstance(texts, list) else []:
        try:
            envelopes.append(json.loads(text))
        except ValueError:
            logger.warning("a passing event is not JSON: %r", text[:100])
    return envelopes
