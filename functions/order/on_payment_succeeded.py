"""PaymentSucceeded -> the order is confirmed, or a payment that came too late is refunded."""

from commerce.app.checkout import confirm_paid
from commerce.entrypoints.queue import event_handler
from commerce.payment import PaymentSucceeded

handler = event_handler(PaymentSucceeded, confirm_paid)
