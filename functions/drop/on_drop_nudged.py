"""OfferReleased, DropPublished, DropCancelled, or the end of an offer -> drops are moved on."""

from commerce.app.drops import promote
from commerce.entrypoints.queue import nudge_handler

handler = nudge_handler(promote)
