"""OfferReleased, DropPublished, DropCancelled, or a nudge -> the drops are moved on at once."""

from commerce.app.drops import promote
from commerce.entrypoints.queue import nudge_handler

handler = nudge_handler(promote)
