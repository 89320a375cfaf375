"""Every day: published events, old claims and old login attempts are forgotten."""

from commerce.app.retention import clean_up
from commerce.entrypoints.schedule import schedule_handler

handler = schedule_handler(clean_up)
