"""OrderAddressChanged -> the delivery system is sent the order as it is now."""

from commerce.app.fulfilment import (
    alert_notice_failed,
    max_attempts,
    retry_base_seconds,
    update_changed,
)
from commerce.entrypoints.queue import OnFinalAttempt, event_handler
from commerce.order import OrderAddressChanged

handler = event_handler(
    OrderAddressChanged,
    update_changed,
    retry_base_seconds=retry_base_seconds,
    on_final_attempt=OnFinalAttempt(max_attempts, alert_notice_failed),
)
