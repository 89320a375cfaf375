"""Every minute: the gateway is asked about payments without a result."""

from collections.abc import Mapping
from dataclasses import asdict

from commerce.app.checkout import reconcile_payments
from commerce.entrypoints.schedule import schedule_handler
from commerce.entrypoints.telemetry import gauge


def ask_the_gateway() -> Mapping[str, int]:
    done = reconcile_payments()
    gauge("UnknownPayments", done.unknown, "Count")
    return asdict(done)


handler = schedule_handler(ask_the_gateway)
