"""A commit left events in the outbox -> they are published at once."""

from commerce.app.messaging import publish_events
from commerce.entrypoints.queue import nudge_handler

handler = nudge_handler(publish_events)
