"""Checkout: how an order is paid by card, from the buyer's wish to its end.

Orders and payments meet here. Each step is a transaction of its own, and where the gateway is
asked, no transaction is open: what was begun before is written down before, and whoever comes
after a kill finds it and brings it to its end.
"""

from commerce.checkout.expiring import expire
from commerce.checkout.following import cancel_unpaid, confirm_paid, refund_cancelled
from commerce.checkout.paying import pay
from commerce.checkout.reading import OrderPage, order_page
from commerce.checkout.reconciling import reconcile
from commerce.checkout.settling import hear, sync

__all__ = [
    "OrderPage",
    "cancel_unpaid",
    "confirm_paid",
    "expire",
    "hear",
    "order_page",
    "pay",
    "reconcile",
    "refund_cancelled",
    "sync",
]
