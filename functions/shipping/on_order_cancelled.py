"""OrderCancelled, OrderLinesCancelled -> the delivery system is sent a withdrawal or an update."""

from commerce.app.fulfilment import (
    alert_notice_failed,
    max_attempts,
    retry_base_seconds,
    withdraw_cancelled,
)
from commerce.entrypoints.queue import OnFinalAttempt, event_handler
from commerce.order import OrderCancelled, OrderLinesCancelled

handler = event_handler(
    (OrderCancelled, OrderLinesCancelled),
    withdraw_cancelled,
    retry_base_seconds=retry_base_seconds,
    on_final_attempt=OnFinalAttempt(max_attempts, alert_notice_failed),
)
