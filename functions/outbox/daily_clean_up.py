"""Every day: published events, old claims and old login attempts are deleted."""

from commerce.app.retention import delete_expired
from commerce.entrypoints.schedule import schedule_handler

handler = schedule_handler(delete_expired)
