"""A commit left events in the outbox -> they go to the bus at once."""

from commerce.app.messaging import relay
from commerce.entrypoints.queue import nudge_handler

handler = nudge_handler(lambda: relay().run())
