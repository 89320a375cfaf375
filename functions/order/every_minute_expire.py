"""Every minute: orders that were not paid in time are cancelled."""

from collections.abc import Mapping

from commerce.app.checkout import expire_orders
from commerce.entrypoints.schedule import schedule_handler


def cancel_what_expired() -> Mapping[str, int]:
    done = expire_orders()
    return {"expired": done.expired, "waiting": done.waiting, "failed": done.failed}


handler = schedule_handler(cancel_what_expired)
