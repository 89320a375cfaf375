"""PaymentFailed -> an order whose last try to pay was declined is cancelled."""

from commerce.app.checkout import cancel_declined
from commerce.entrypoints.queue import event_handler
from commerce.payment import PaymentFailed

handler = event_handler(PaymentFailed, cancel_declined)
