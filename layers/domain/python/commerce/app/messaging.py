"""The relay and the best-effort events of this environment."""

import logging
from functools import cache

from commerce.runtime import settings
from commerce.runtime.aws import client
from commerce.runtime.cache.valkey import valkey
from commerce.runtime.db.current import database
from commerce.runtime.messaging.best_effort import PAUSE_SECONDS, BestEffortEvents
from commerce.runtime.messaging.bus import EventBridgeBus
from commerce.runtime.messaging.relay import Relay, Relayed

logger = logging.getLogger(__name__)


def relay() -> Relay:
    """Return the relay between this database's outbox and the bus."""
    return Relay(database(), EventBridgeBus())


def publish_events() -> Relayed:
    """Publish the events that wait in the outbox."""
    return relay().run()


@cache
def best_effort_events() -> BestEffortEvents:
    """Return the events that are published without a transaction, and may be lost."""
    return BestEffortEvents(valkey(), _nudge)


def _nudge() -> None:
    """Wake the function that publishes them. A lost nudge is repeated with the next event."""
    try:
        client("sqs", attempts=1, answer_within_seconds=0.3).send_message(
            QueueUrl=settings.text("BEST_EFFORT_QUEUE_URL"),
            MessageBody="{}",
            DelaySeconds=PAUSE_SECONDS,
        )
    except Exception:
        logger.warning("best-effort events wait for the next nudge", exc_info=True)
