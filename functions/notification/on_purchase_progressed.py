"""Orders confirmed, shipped or given back in part, cards refunded, offers -> a mail to the user."""

from commerce.app.mails import MAILED, send_mails
from commerce.entrypoints.queue import batch_handler

handler = batch_handler(MAILED, send_mails)
