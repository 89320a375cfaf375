"""Every minute: orders that were not paid in time are cancelled."""

from collections.abc import Mapping
from dataclasses import asdict

from commerce.app.checkout import expire_orders
from commerce.entrypoints.schedule import schedule_handler


def cancel_expired_orders() -> Mapping[str, int]:
    return asdict(expire_orders())


handler = schedule_handler(cancel_expired_orders)
