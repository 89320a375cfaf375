"""Every minute: the gateway is asked about payments whose result nobody told."""

from collections.abc import Mapping

from commerce.app.checkout import reconcile_payments
from commerce.entrypoints.schedule import schedule_handler
from commerce.entrypoints.telemetry import gauge


def ask_the_gateway() -> Mapping[str, int]:
    done = reconcile_payments()
    gauge("UnknownPayments", done.unknown, "Count")
    return done.as_facts()


handler = schedule_handler(ask_the_gateway)
