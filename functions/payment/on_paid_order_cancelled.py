"""OrderCancelled, OrderLinesCancelled, ReturnReceived, OrderRefunded -> a card is refunded."""

from commerce.app.checkout import refund_given_back
from commerce.entrypoints.queue import event_handler
from commerce.order import OrderCancelled, OrderLinesCancelled, OrderRefunded, ReturnReceived

handler = event_handler(
    (OrderCancelled, OrderLinesCancelled, ReturnReceived, OrderRefunded), refund_given_back
)
