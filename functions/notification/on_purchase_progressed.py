"""OrderConfirmed, OrderShipped, PaymentRefunded, OfferMade -> a mail to the user they concern."""

from commerce.app.mails import MAILED, send_mails
from commerce.entrypoints.queue import batch_handler

handler = batch_handler(MAILED, send_mails)
