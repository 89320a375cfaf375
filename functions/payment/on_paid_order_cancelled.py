"""OrderCancelled -> the amount charged to a card is refunded."""

from commerce.app.checkout import refund_cancelled
from commerce.entrypoints.queue import event_handler
from commerce.order import OrderCancelled

handler = event_handler(OrderCancelled, refund_cancelled)
