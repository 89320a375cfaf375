"""Import what victims need before they are forked; opens no connection."""

import tests.faults.victims  # noqa: F401
from tests.support.lambda_calls import function

for handler in (
    "order/place_order",
    "order/cancel_order",
    "payment/pay_order",
    "payment/on_paid_order_cancelled",
):
    function(handler)
