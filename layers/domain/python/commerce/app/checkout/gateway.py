"""The payment gateway's client of this environment, behind its circuit breaker."""

from functools import cache

from commerce.app import alerts
from commerce.payment import (
    HttpPaymentGateway,
    Policy,
    State,
    StateChange,
    ValkeyBreaker,
    breaker_changed,
)
from commerce.runtime import settings
from commerce.runtime.cache.valkey import valkey
from commerce.runtime.metrics import count


def payment_gateway() -> HttpPaymentGateway:
    """Return the client of the gateway at GATEWAY_URL."""
    return _payment_gateway(settings.outside(settings.text("GATEWAY_URL")))


def payment_breaker() -> ValkeyBreaker:
    """Return the circuit breaker that all execution environments share."""
    return ValkeyBreaker(valkey(), Policy.from_settings(), _publish_change)


@cache
def _payment_gateway(url: str) -> HttpPaymentGateway:
    return HttpPaymentGateway(url, payment_breaker())


def _publish_change(change: StateChange) -> None:
    # Called by the execution environment that caused the change, and so once per change.
    if change.after is State.OPEN:
        count("PaymentBreakerOpened")
    count("PaymentBreakerChanged")
    alerts.publish(breaker_changed(change), is_hurried=True)
