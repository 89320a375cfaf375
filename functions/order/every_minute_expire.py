"""Every minute: orders that were not paid in time are cancelled."""

from collections.abc import Mapping

from commerce.checkout import expire
from commerce.entrypoints.schedule import schedule_handler


def cancel_what_expired() -> Mapping[str, int]:
    done = expire()
    return {"expired": done.expired, "waiting": done.waiting, "failed": done.failed}


handler = schedule_handler(cancel_what_expired)
