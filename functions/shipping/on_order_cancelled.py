"""OrderCancelled -> the order is withdrawn from the delivery system."""

from commerce.app.fulfilment import (
    alert_notice_failed,
    max_attempts,
    retry_base_seconds,
    withdraw_cancelled,
)
from commerce.entrypoints.queue import OnFinalAttempt, event_handler
from commerce.order import OrderCancelled

handler = event_handler(
    OrderCancelled,
    withdraw_cancelled,
    retry_base_seconds=retry_base_seconds,
    on_final_attempt=OnFinalAttempt(max_attempts, alert_notice_failed),
)
