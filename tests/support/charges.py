"""The completion of card orders, and what must be true of every charge."""

import time
from collections import Counter
from collections.abc import Iterable

from commerce.app import reconciliation
from commerce.payment.model import is_out_of_tries
from tests.support.gateway import RunningGateway
from tests.support.orders import status_of
from tests.support.payments import follow, payments_of, reconcile
from tests.support.shop import rows

PAID = ("CONFIRMED", "SHIPPED", "DELIVERED")


def see_through(*order_ids: str, within_seconds: float = 30) -> None:
    """Let the minutes pass until every order is at its end, or waits for another card."""
    deadline = time.monotonic() + within_seconds
    while waiting := [each for each in order_ids if not _is_at_its_end(each)]:
        assert time.monotonic() < deadline, {each: status_of(each) for each in waiting}
        reconcile()
        for order_id in waiting:
            follow(order_id)


def _is_at_its_end(order_id: str) -> bool:
    payments, status = payments_of(order_id), status_of(order_id)
    if not all(payment.is_ended for payment in payments):
        return False
    if status == "PENDING":
        is_paid = any(payment.is_live for payment in payments)
        return not is_paid and not is_out_of_tries(payments)
    return status in (*PAID, "CANCELLED")


def assert_every_charge_has_its_order(gateway: RunningGateway, *orders: str) -> None:
    """For each charge one confirmed order, or one refund; and all books hold.

    The shop is the test's own. `orders` are those that the gateway may know nothing of.
    """
    charged = [each for each in gateway.transactions() if each["charged_at"]]
    kept = Counter(each["orderId"] for each in charged if not each["refunded_at"])
    assert kept == Counter(_paid_orders()), "a charge without its order, or an order without"
    assert_no_refund_is_unknown(each["transactionKey"] for each in charged if each["refunded_at"])
    found = reconciliation.reconcile()
    assert found.holds, "\n".join(str(each) for each in found.findings)
    assert found.orders >= len(orders)


def assert_no_refund_is_unknown(transaction_keys: Iterable[str]) -> None:
    """Require that exactly the refunds of the gateway are recorded as refunds."""
    sql = "SELECT transaction_key FROM payment WHERE status = 'REFUNDED'"
    assert {row.transaction_key for row in rows(sql)} == set(transaction_keys)


def _paid_orders() -> list[str]:
    sql = "SELECT id FROM orders WHERE payment_method = 'CARD' AND status = ANY ($1)"
    return [str(row.id) for row in rows(sql, list(PAID))]
