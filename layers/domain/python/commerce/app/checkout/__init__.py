"""Checkout: payment of orders and of points by card, from the request to the refund.

Each step is a transaction of its own, and no transaction is open while the gateway is called: the
step's intent is committed before the call, so that it can be completed if the process dies.
"""

from commerce.app.checkout.card_requests import ANSWER_SECONDS
from commerce.app.checkout.charge_points import BuyPoints, ChargePage, buy_points, charge_page
from commerce.app.checkout.event_handlers import cancel_declined, confirm_paid, refund_given_back
from commerce.app.checkout.expiry import expire_orders
from commerce.app.checkout.order_details import OrderPage, order_page
from commerce.app.checkout.pay_order import pay
from commerce.app.checkout.payment_reconciler import reconcile_payments
from commerce.app.checkout.settlement import handle_callback, sync

__all__ = [
    "ANSWER_SECONDS", "BuyPoints", "ChargePage", "OrderPage", "buy_points", "cancel_declined",
    "charge_page", "confirm_paid", "expire_orders", "handle_callback", "order_page", "pay",
    "reconcile_payments", "refund_given_back", "sync",
]  # fmt: skip
