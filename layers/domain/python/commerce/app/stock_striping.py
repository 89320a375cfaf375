"""Stock striping, every minute: by what sells in a spike, and by what no longer does."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from commerce.app.transactions import in_transaction
from commerce.product.striping import StripingFacade
from commerce.runtime import settings
from commerce.shared import clock
from commerce.shared.errors import Busy

WATCHED = timedelta(minutes=1)
COOLER_BY = 10
"""A spike ends at a tenth of the sales that began it, so that stocks do not go back and forth."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class StripingRun:
    """The stocks that a run dealt out, brought back into one row, and found too busy."""

    dealt_out: int = 0
    brought_back: int = 0
    busy: int = 0


def follow_sales_spikes() -> StripingRun:
    """Deal out the stock of each product in a sales spike, one per transaction.

    Safe beside buyers, who wait for a stock's lock and are waited for. A stock that is too busy is
    tried again in a minute.
    """
    hot = settings.number("HOT_SALES_PER_MINUTE", 600)
    since, run = clock.now() - WATCHED, StripingRun()
    spikes = in_transaction(StripingFacade.sales_spikes, since, hot=hot, cool=hot // COOLER_BY)
    for spike in spikes:
        try:
            now = in_transaction(StripingFacade.follow_spike, spike)
        except Busy:
            run.busy += 1
            continue
        run.dealt_out += now.stripes > 1
        run.brought_back += now.stripes == 1
        logger.info("product %s: %d sales, %d rows", spike.product_id, spike.sales, now.stripes)
    return run
