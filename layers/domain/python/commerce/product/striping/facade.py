"""The facade of stock striping."""

from collections.abc import Sequence
from datetime import datetime

from commerce.product.errors import ProductNotFound
from commerce.product.striping.commands import SetStripes
from commerce.product.striping.model import STRIPES_IN_A_SPIKE, SalesSpike, Striping
from commerce.product.striping.repository import SqlStripeRepository
from commerce.product.striping.views import StripesView
from commerce.runtime.audit import Change
from commerce.shared import cursor


class StripingFacade:
    """Stocks are dealt out to rows by admins, or by how much they sell; no unit is sold by it."""

    def __init__(self, stripes: SqlStripeRepository) -> None:
        self._stripes = stripes

    def set_stripes(self, product_id: str, command: SetStripes, *, by: str) -> StripesView:
        """Deal a stock out to so many rows, or leave it to `follow_spike` from now on.

        Raises ProductNotFound.
        """
        striping = self._lock(product_id)
        rows = command.stripes or striping.rows
        return self._change(striping, rows, is_fixed=command.stripes is not None, by=by)

    def sales_spikes(self, since: datetime, *, hot: int, cool: int) -> Sequence[SalesSpike]:
        """Find products to stripe (`hot` sales since then or more) or no longer (below `cool`).

        Products for which an admin has decided are left out.
        """
        return self._stripes.find_sales_spikes(since, hot=hot, cool=cool)

    def follow_spike(self, spike: SalesSpike) -> StripesView:
        """Deal the product's stock out to stripes, or gather it, unless an admin has decided."""
        striping = self._lock(str(spike.product_id))
        if striping.is_fixed:
            return _view(striping)
        rows = 1 if spike.is_striped else STRIPES_IN_A_SPIKE
        return self._change(striping, rows, is_fixed=False, by="system")

    def _lock(self, product_id: str) -> Striping:
        found = cursor.parse_id(product_id)
        striping = self._stripes.lock(found) if found else None
        if striping is None:
            raise ProductNotFound([product_id])
        return striping

    def _change(self, before: Striping, rows: int, *, is_fixed: bool, by: str) -> StripesView:
        after = Striping(before.product_id, rows, is_fixed)
        if after != before:
            self._stripes.save(after)
            shown = [{"stripes": each.rows, "is_fixed": each.is_fixed} for each in (before, after)]
            self._stripes.record(Change(by, "SET_STRIPES", after.product_id, *shown))
        return _view(after)


def _view(striping: Striping) -> StripesView:
    return StripesView(
        product_id=str(striping.product_id), stripes=striping.rows, is_fixed=striping.is_fixed
    )
