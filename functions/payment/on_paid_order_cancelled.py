"""OrderCancelled, OrderLinesCancelled -> what a card paid for it is refunded."""

from commerce.app.checkout import refund_cancelled
from commerce.entrypoints.queue import event_handler
from commerce.order import OrderCancelled, OrderLinesCancelled

handler = event_handler((OrderCancelled, OrderLinesCancelled), refund_cancelled)
