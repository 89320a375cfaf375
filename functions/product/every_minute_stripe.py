"""Every minute: the stock of a product in a sales spike is dealt out to several rows."""

from collections.abc import Mapping

from commerce.app.stock_striping import follow_sales_spikes
from commerce.entrypoints.schedule import schedule_handler


def stripe() -> Mapping[str, int]:
    run = follow_sales_spikes()
    return {"dealt_out": run.dealt_out, "brought_back": run.brought_back, "busy": run.busy}


handler = schedule_handler(stripe)
