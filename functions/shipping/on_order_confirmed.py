"""OrderConfirmed -> the delivery system is sent the order."""

from commerce.app.fulfilment import (
    alert_notice_failed,
    max_attempts,
    retry_base_seconds,
    send_confirmed,
)
from commerce.entrypoints.queue import OnFinalAttempt, event_handler
from commerce.order import OrderConfirmed

handler = event_handler(
    OrderConfirmed,
    send_confirmed,
    retry_base_seconds=retry_base_seconds,
    on_final_attempt=OnFinalAttempt(max_attempts, alert_notice_failed),
)
