"""Best-effort events: published without a transaction, so a few may be lost.

They wait in a list in Valkey until a function publishes them. At most one caller a second nudges
that function; recording an event costs the others one round trip to Valkey.
"""

import json
import logging
import secrets
from collections.abc import Callable
from typing import Any

from commerce.runtime.cache.valkey import Valkey
from commerce.runtime.messaging.bus import Bus, Envelope, batches
from commerce.shared.events import Event

# One hash tag, because a script touches list and filter: a cluster keeps them in one slot.
LIST = "lastunit:{best-effort}:1"
NUDGED = f"{LIST}:nudged"
MAX_WAITING = 100_000  # beyond this, the oldest are dropped
PAUSE_SECONDS = 1  # between two nudges, and between a nudge and its delivery
CHUNK = 200  # events taken from the list at once

# A Bloom filter per hour, 4 MiB, however many come, and at most
# two at a time. After a million events 5 in 100,000 are taken for known, after 5 million 4 in 100.
FILTER = f"{LIST}:seen"
FILTER_BITS = 2**25
FILTER_SECONDS = 60 * 60  # after its last use

# KEYS: filter, salt, list. ARGV: a new salt, what counts once, the event, seconds, bits.
# Nothing of what counts once can be read back: the salt is random, and gone with its filter.
RECORD_ONCE = """
redis.call('SET', KEYS[2], ARGV[1], 'NX')
redis.call('EXPIRE', KEYS[2], ARGV[4])
local digest, is_known = redis.sha1hex(redis.call('GET', KEYS[2]) .. ARGV[2]), true
for at = 1, 33, 8 do
    local bit = tonumber(string.sub(digest, at, at + 7), 16) % tonumber(ARGV[5])
    if redis.call('SETBIT', KEYS[1], bit, 1) == 0 then is_known = false end
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return is_known and -1 or redis.call('RPUSH', KEYS[3], ARGV[3])
"""

logger = logging.getLogger(__name__)


class BestEffortEvents:
    """Events that are recorded now and published about a second later."""

    def __init__(self, valkey: Valkey, nudge: Callable[[], None]) -> None:
        self._valkey = valkey
        self._nudge = nudge

    def record_once(self, event: Event, once: str, hour: str) -> None:
        """Remember the event, if that is possible at once. Never fails.

        Of the events of an hour with the same `once` only the first is. Without Valkey none is.
        """
        text = json.dumps(event.envelope())
        keys = f"{FILTER}:{hour}", f"{FILTER}:{hour}:salt", LIST
        values = secrets.token_bytes(16), once, text, FILTER_SECONDS, FILTER_BITS

        def push(client: Any) -> bool:
            pipeline = client.pipeline(transaction=False)
            pipeline.eval(RECORD_ONCE, len(keys), *keys, *values)
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
