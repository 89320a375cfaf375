"""The sales of the last day by the hour, and the remaining stock of what sold best."""

from datetime import timedelta
from typing import TYPE_CHECKING

from commerce.app.transactions import in_transaction
from commerce.product import ProductFacade
from commerce.runtime.cache.read_through import CacheRegion, shared_cache
from commerce.runtime.db.current import database
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.money import Money
from commerce.shared.schemas import MoneyView, Timestamp, View

if TYPE_CHECKING:
    from commerce.app.operations import statements as sql
else:
    sql = precompiled("commerce.app.operations.statements")

HOURS = 24
MAX_BEST_SELLERS = 10


class HourView(View):
    """An hour's paid orders, their amount after discounts, and how many orders were cancelled."""

    hour: Timestamp
    orders: int
    cancelled: int
    amount: MoneyView


class SoldView(View):
    """A product that sold well in the last day, and its remaining stock; 0 is sold out."""

    product_id: str
    name: str
    units_sold: int
    stock_quantity: int


class SalesView(View):
    """The last 24 hours, oldest first (the current one is the last), and the best sellers."""

    at: Timestamp
    hours: list[HourView]
    products: list[SoldView]


# Cached, as it reads all orders of a day; everybody at the console shares it.
SALES = CacheRegion("operations-sales", 1, SalesView, 60)
LAST_DAY = "last-day"


def sales() -> SalesView:
    """Return the last day's sales, at most a minute old."""
    return shared_cache().get(SALES, LAST_DAY, _load)


def _load() -> SalesView:
    now = clock.now()
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    since_id = clock.first_id_at(first)
    by_hour, best = UnitOfWork(database()).read_together(
        sql.SALES_BY_HOUR(since_id=since_id),
        sql.BEST_SELLERS(since_id=since_id, limit=MAX_BEST_SELLERS),
    )
    known = {row.hour: row for row in by_hour}
    ids = [str(row.product_id) for row in best]
    sold = {str(each.id): each for each in in_transaction(ProductFacade.summaries, ids)}
    stock = in_transaction(ProductFacade.states, ids) if ids else {}
    hours = [first + timedelta(hours=number) for number in range(HOURS)]
    return SalesView(
        at=now,
        hours=[
            HourView(
                hour=hour,
                orders=known[hour].orders if hour in known else 0,
                cancelled=known[hour].cancelled if hour in known else 0,
                amount=_won(known[hour].amount if hour in known else 0),
            )
            for hour in hours
        ],
        products=[
            SoldView(
                product_id=str(row.product_id),
                name=sold[str(row.product_id)].name,
                units_sold=row.units,
                stock_quantity=stock[str(row.product_id)].stock_quantity,
            )
            for row in best
            if str(row.product_id) in sold and str(row.product_id) in stock
        ],
    )


def _won(amount: int) -> MoneyView:
    return MoneyView(amount=amount, currency=Money.zero().currency)
