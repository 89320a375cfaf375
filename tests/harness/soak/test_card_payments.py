"""A short slice of `make soak`: every card order has its end, and every charge its order."""

import pytest

from tests.harness.soak.card_payments import Plan, Soak
from tests.support.gateway import RunningGateway

ORDERS = 60


@pytest.fixture(autouse=True)
def quick(own_shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop of the test's own, in which a minute takes a second."""
    monkeypatch.setenv("PAYMENT_RECONCILE_AFTER_SECONDS", "1")
    monkeypatch.setenv("BREAKER_OPEN_SECONDS", "1")


def test_sixty_card_orders_reach_a_final_state(gateway: RunningGateway) -> None:
    found = Soak(Plan(ORDERS, clients=8, seed=5, patience_seconds=120), gateway.url, print).run()

    assert found.problems == []
    assert set(found.orders) == {"CONFIRMED", "DELIVERED", "CANCELLED"}
    assert sum(found.orders.values()) == ORDERS
    assert (found.paid_twice, found.dead_letters) == (0, 0)
    assert set(found.refunds) == {"CANCELLATION", "RETURN", "MANUAL"}
    assert found.returned_units > 0
    assert found.won_charged - found.won_refunded == found.won_due > 0
    assert found.requests["payment failed"] > 10
