"""PaymentFailed -> an order whose card was declined is cancelled."""

from commerce.app.checkout import cancel_unpaid
from commerce.entrypoints.queue import event_handler
from commerce.payment import PaymentFailed

handler = event_handler(PaymentFailed, cancel_unpaid)
