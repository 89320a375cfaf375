"""Every minute: the stock of a product that sells in a rush is dealt out to several rows."""

from collections.abc import Mapping

from commerce.app.stock_striping import follow
from commerce.entrypoints.schedule import schedule_handler


def stripe_what_is_hot() -> Mapping[str, int]:
    done = follow()
    return {"dealt_out": done.dealt_out, "brought_back": done.brought_back, "busy": done.busy}


handler = schedule_handler(stripe_what_is_hot)
