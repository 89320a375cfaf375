"""Stock striping: the stock of a product in a sales spike is dealt out to several rows.

Buyers then do not queue on one row. The stock's own row stays, with what was returned and what
could not be dealt out evenly. Units enter a stripe, and its last unit leaves it, only under the
lock of the stock's own row: who holds that lock knows whether any stripe has units left, even
while others sell from the stripes.

Only the product context's repository (through the functions of `repository`) and statements (which
add up the stripes' units) know of it.
"""

from commerce.product.striping.commands import SetStripes
from commerce.product.striping.facade import StripingFacade
from commerce.product.striping.model import SalesSpike
from commerce.product.striping.repository import SqlStripeRepository
from commerce.product.striping.views import StripesView

__all__ = ["SalesSpike", "SetStripes", "SqlStripeRepository", "StripesView", "StripingFacade"]
