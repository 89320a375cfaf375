"""OrderCancelled -> what a card had paid is refunded."""

from commerce.app.checkout import refund_cancelled
from commerce.entrypoints.queue import event_handler
from commerce.order import OrderCancelled

handler = event_handler(
    OrderCancelled, lambda received: refund_cancelled(received.id, received.event)
)
