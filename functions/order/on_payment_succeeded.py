"""PaymentSucceeded -> the order is confirmed, or what came too late is refunded."""

from commerce.app.checkout import confirm_paid
from commerce.entrypoints.queue import event_handler
from commerce.payment import PaymentSucceeded

handler = event_handler(
    PaymentSucceeded, lambda received: confirm_paid(received.id, received.event)
)
