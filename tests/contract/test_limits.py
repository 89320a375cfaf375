"""Limits that are parameters of the template: the code's defaults are the same."""

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from commerce.app import fulfilment
from commerce.app.checkout import settlement
from commerce.order import PAYABLE_MINUTES, limits
from commerce.order.returns import RETURN_DAYS
from commerce.payment import Policy
from commerce.payment.limits import MAX_CARDS_PER_DAY, MAX_DECLINES_PER_DAY
from infra.template import read_template

PARAMETERS: dict[str, dict[str, Any]] = read_template()["Parameters"]


def default_of(parameter: str) -> Any:
    return PARAMETERS[parameter]["Default"]


def test_an_order_is_payable_for_as_long_in_template_and_code() -> None:
    assert default_of("OrderPayableMinutes") == PAYABLE_MINUTES


def test_the_limits_of_a_buyer_are_the_same_in_template_and_code() -> None:
    assert default_of("MaxUnitsPerLine") == limits.MAX_UNITS_PER_LINE
    assert default_of("MaxUnpaidOrders") == limits.MAX_UNPAID_ORDERS
    assert default_of("HoldLapses") == limits.HOLD_LAPSES
    assert default_of("ReturnDays") == RETURN_DAYS
    assert default_of("MaxCardsPerDay") == MAX_CARDS_PER_DAY
    assert default_of("MaxDeclinesPerDay") == MAX_DECLINES_PER_DAY


def test_the_circuit_breaker_has_the_same_limits_in_template_and_code() -> None:
    names = [name for name in PARAMETERS if name.startswith("Breaker")]
    given = {re.sub("(?<!^)(?=[A-Z])", "_", name).lower(): default_of(name) for name in names}
    assert given == {f"breaker_{name}": limit for name, limit in asdict(Policy()).items()}


@pytest.mark.parametrize(
    ("parameter", "variable", "read"),
    [
        (
            "ShippingRetryBaseSeconds",
            "SHIPPING_RETRY_BASE_SECONDS",
            fulfilment.retry_base_seconds,
        ),
        (
            "GatewayGraceSeconds",
            "GATEWAY_GRACE_SECONDS",
            lambda: settlement._grace().total_seconds(),
        ),
    ],
)
def test_a_pause_is_as_long_in_template_and_code(
    parameter: str,
    variable: str,
    read: Callable[[], float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(variable, raising=False)
    assert read() == default_of(parameter)
