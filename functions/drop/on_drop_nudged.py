"""OfferReleased, DropPublished, or the end of an offer's time -> the drops are moved on at once."""

from commerce.app.drops import promote
from commerce.entrypoints.queue import nudge_handler

handler = nudge_handler(promote)
