"""Every minute: stocks that many buyers want are dealt out to several rows, and brought back."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from commerce.app.transactions import in_transaction
from commerce.product import ProductFacade
from commerce.runtime import settings
from commerce.shared import clock
from commerce.shared.errors import Busy

LOOKED_AT = timedelta(minutes=1)
COOLER_BY = 10
"""A rush is over at a tenth of the sales that began it, so that nothing goes to and fro."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Followed:
    """What a run did: stocks that it dealt out, brought back into one row, found too busy."""

    dealt_out: int = 0
    brought_back: int = 0
    busy: int = 0


def follow() -> Followed:
    """Deal out the stock of each product that sells in a rush, one per transaction.

    Safe beside buyers: who takes the stock's lock waits for them, and they for it. What is too busy
    is tried again in a minute.
    """
    hot = settings.number("HOT_SALES_PER_MINUTE", 600)
    since, done = clock.now() - LOOKED_AT, Followed()
    sales_spikes = in_transaction(ProductFacade.sales_spikes, since, hot=hot, cool=hot // COOLER_BY)
    for rush in sales_spikes:
        try:
            now = in_transaction(ProductFacade.follow_spike, rush)
        except Busy:
            done.busy += 1
            continue
        done.dealt_out += now.stripes > 1
        done.brought_back += now.stripes == 1
        logger.info("product %s: %d sales, %d rows", rush.product_id, rush.sales, now.stripes)
    return done
