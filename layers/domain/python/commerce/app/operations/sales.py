"""What was sold in the last day, by the hour, and how much is left of what sold best."""

from datetime import timedelta

from commerce.app.transactions import in_transaction
from commerce.product import ProductFacade
from commerce.runtime.cache.read_through import CacheRegion, shared_cache
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.money import Money
from commerce.shared.schemas import MoneyView, Timestamp, View

HOURS = 24
BEST = 10

# Ids are UUIDv7: a day's orders are a range of the primary key.
_BY_HOUR = """
SELECT date_trunc('hour', placed_at, 'UTC') AS hour,
    count(*) FILTER (WHERE status <> 'CANCELLED') AS orders,
    count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled,
    CAST(coalesce(sum(total_amount - discount_amount) FILTER (WHERE status <> 'CANCELLED'), 0)
        AS bigint) AS amount
FROM orders WHERE id >= CAST($1 AS uuid) GROUP BY 1
"""
_BEST = f"""
SELECT product_id, min(product_name) AS name, CAST(sum(quantity) AS bigint) AS units
FROM order_line JOIN orders ON orders.id = order_id
WHERE order_id >= CAST($1 AS uuid) AND orders.id >= CAST($1 AS uuid) AND status <> 'CANCELLED'
GROUP BY product_id ORDER BY units DESC, product_id LIMIT {BEST}
"""  # noqa: S608


class HourView(View):
    """An hour's orders: those that hold, what they cost less discounts, and those cancelled."""

    hour: Timestamp
    orders: int
    cancelled: int
    amount: MoneyView


class SoldView(View):
    """A product that sold well in the last day, and what is left of it; 0 is sold out."""

    product_id: str
    name: str
    units_sold: int
    stock_quantity: int


class SalesView(View):
    """The last 24 hours, oldest first (the running one is the last), and what sold best."""

    at: Timestamp
    hours: list[HourView]
    products: list[SoldView]


# Everybody who looks at the console shares it: it reads all orders of a day.
SALES = CacheRegion("operations-sales", 1, SalesView, 60)
LAST_DAY = "last-day"


def sales() -> SalesView:
    """The last day's sales, as they were a minute ago at most."""
    return shared_cache().get(SALES, LAST_DAY, _load)


def _load() -> SalesView:
    now = clock.now()
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    since = clock.first_id_at(first)
    by_hour, best = UnitOfWork(database()).read_together(
        Query(_BY_HOUR, [since]), Query(_BEST, [since])
    )
    known = {row.hour: row for row in by_hour}
    ids = [str(row.product_id) for row in best]
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
                name=row.name,
                units_sold=row.units,
                stock_quantity=stock[str(row.product_id)].stock_quantity,
            )
            for row in best
            if str(row.product_id) in stock
        ],
    )


def _won(amount: int) -> MoneyView:
    return MoneyView(amount=amount, currency=Money.zero().currency)
