"""Checkout: how an order is paid by card, from the buyer's wish to its end.

Orders and payments meet here. Each step is a transaction of its own, and where the gateway is
asked, no transaction is open: what was begun before is written down before, and whoever comes
after a kill finds it and brings it to its end.
"""

from commerce.app.checkout.event_handlers import cancel_unpaid, confirm_paid, refund_cancelled
from commerce.app.checkout.expiry import expire_orders
from commerce.app.checkout.order_details import OrderPage, order_page
from commerce.app.checkout.pay_order import pay
from commerce.app.checkout.payment_reconciler import reconcile_payments
from commerce.app.checkout.settlement import handle_callback, sync

__all__ = [
    "OrderPage",
    "cancel_unpaid",
    "confirm_paid",
    "expire_orders",
    "handle_callback",
    "order_page",
    "pay",
    "reconcile_payments",
    "refund_cancelled",
    "sync",
]
