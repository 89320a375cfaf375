"""Events of a purchase -> a mail to the user whom they concern.

OrderConfirmed, OrderShipped, OrderCancelled, OrderLinesCancelled, OrderRefunded, ReturnReceived,
PaymentRefunded and OfferMade.
"""

from commerce.app.mails import MAILED, send_mails
from commerce.entrypoints.queue import batch_handler

handler = batch_handler(MAILED, send_mails)
