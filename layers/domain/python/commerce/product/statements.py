"""What the database is asked and told about products, as SQLAlchemy Core."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ScalarSelect,
    Select,
    Uuid,
    any_,
    bindparam,
    column,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from commerce.product.commands import Sort
from commerce.product.sort_orders import SORT_ORDERS, page_name, parameter
from commerce.product.stripe_statements import EACH, UNITS
from commerce.product.stripes import KEEP, TELL
from commerce.product.tables import product_table, stock_table
from commerce.runtime.db.core import records, save_as_read
from commerce.runtime.db.statement import Statement

_p = product_table.c
_SUMMARIES = select(
    _p.id, _p.brand_id, _p.name, _p.description, _p.price_amount, _p.price_currency,
    _p.like_count, _p.version,
)  # fmt: skip
_ROWS = _SUMMARIES.add_columns(
    _p.created_at, stock_table.c.quantity, stock_table.c.counted, EACH.label("stripes")
).join_from(product_table, stock_table, stock_table.c.product_id == _p.id)

_IDS = bindparam("ids", type_=ARRAY(Uuid))
SOME = Statement(_ROWS.where(_p.id == any_(_IDS)))
SOME_SUMMARIES = Statement(_SUMMARIES.where(_p.id == any_(_IDS)))
STATES = Statement(
    select(
        _p.id,
        _p.version,
        _p.like_count,
        stock_table.c.quantity + UNITS,
        stock_table.c.counted,
    )
    .join_from(product_table, stock_table, stock_table.c.product_id == _p.id)
    .where(_p.id == any_(_IDS))
)
ADD = Statement(
    insert(product_table).values(
        {each.name: bindparam(each.name) for each in product_table.columns} | {"unlikes_ahead": 0}
    )
)
ADD_STOCK = Statement(
    insert(stock_table).values(product_id=bindparam("product_id"), quantity=0, version=1)
)
COUNTED = Statement(
    update(stock_table)
    .where(stock_table.c.product_id == bindparam("counted_id", type_=Uuid))
    .values(counted=stock_table.c.counted + 1)
)
LOCK_STOCK = Statement(
    select(
        stock_table.c.product_id,
        stock_table.c.quantity,
        stock_table.c.counted,
        stock_table.c.stripes_fixed,
    )
    .where(stock_table.c.product_id == any_(_IDS))
    .order_by(stock_table.c.product_id)
    .with_for_update()
)

# Likes and unlikes arrive in any order, so an unlike may come before the like it takes back. Then
# the count stays at zero and the product remembers the unlike until its like has come.
LOCK_COUNTS = Statement(
    select(_p.id).where(_p.id == any_(_IDS)).order_by(_p.id).with_for_update(key_share=True)
)
_CHANGES = records("changes", _p.id, column("change", BigInteger))
_NET_LIKES = _p.like_count - _p.unlikes_ahead + _CHANGES.c.change
COUNT_LIKES = Statement(
    update(product_table)
    .where(_p.id == _CHANGES.c.id)
    .values(like_count=func.greatest(_NET_LIKES, 0), unlikes_ahead=func.greatest(-_NET_LIKES, 0))
)

# One statement for whatever moves stock, so that a movement and its events tell what the row
# became, not what somebody had read. A movement may tell two events: each row's version gives two
# versions to tell them apart. Whether the product turned is known under this row's lock, also where
# it has stripes. Its guard raises `stock_sufficient`.
MOVE_STOCK = Statement(
    text(f"""
    WITH moved AS (
        UPDATE stock
        SET quantity = stock.quantity + move.change, version = stock.version + 1
        FROM jsonb_to_recordset(:moves)
            AS move(product_id uuid, change bigint, changed_id uuid, turned_id uuid)
        WHERE stock.product_id = move.product_id AND stock.quantity + move.change >= 0
        RETURNING stock.product_id, change, changed_id, turned_id,
            stock.product_id AS aggregate_id, 2 * version AS aggregate_version,
            stock.quantity + (SELECT coalesce(sum(stripe.quantity), 0)
                FROM stock_stripe AS stripe WHERE stripe.product_id = stock.product_id) AS in_all
    ), kept AS ({KEEP}
    ), told AS ({TELL}
        UNION ALL
        SELECT turned_id, 'commerce.product', 'StockSoldOut', CAST(:at AS timestamptz),
            product_id, aggregate_version + 1, CAST(:trace_id AS text),
            jsonb_build_object('product_id', product_id)
        FROM moved WHERE change < 0 AND in_all = 0
        UNION ALL
        SELECT turned_id, 'commerce.product', 'StockReturned', CAST(:at AS timestamptz),
            product_id, aggregate_version + 1, CAST(:trace_id AS text),
            jsonb_build_object('product_id', product_id, 'quantity', in_all)
        FROM moved WHERE change > 0 AND in_all = change
    )
    SELECT require((SELECT count(*) FROM moved) = CAST(:expected AS bigint), 'stock_sufficient')
    """).bindparams(bindparam("moves", type_=JSONB))  # noqa: S608  (the text is ours)
)


def _page_of(rows: Select[Any], sort: Sort, *, by_brand: bool) -> Select[Any]:
    """The rows behind a position, in their order: a order along one index, whatever is in it.

    A brand's list leads with the brand in comparison and order, so that only the brand's own index
    has its order. The position is hidden in subqueries, so that PostgreSQL plans for any position:
    it judges a comparison of rows by their first column alone, and where that promises few rows it
    would sort them all, or skip the products of other brands one by one.
    """
    order = SORT_ORDERS[sort]
    names = ("brand_id", *order.key) if by_brand else order.key
    key = [_p[name] for name in names]
    here, after = tuple_(*key), tuple_(*(_hidden(each) for each in key))
    page = rows.where(here < after if order.descending else here > after)
    if by_brand:
        brand_id = _hidden(_p.brand_id)
        page = page.where(_p.brand_id >= brand_id if order.descending else _p.brand_id <= brand_id)
    directed = [each.desc() if order.descending else each.asc() for each in key]
    return page.order_by(*directed).limit(bindparam("limit", type_=BigInteger))


def _hidden(part: Any) -> ScalarSelect[Any]:
    """Where the page before ended, as a value that the planner does not look at."""
    return select(bindparam(parameter(part.name), type_=part.type)).scalar_subquery()


_LISTS = [(sort, by_brand) for sort in Sort for by_brand in (False, True)]
PAGES = {
    page_name(sort, by_brand=by_brand): Statement(_page_of(_SUMMARIES, sort, by_brand=by_brand))
    for sort, by_brand in _LISTS
}
POSITIONS = {
    page_name(sort, by_brand=by_brand): Statement(
        _page_of(select(*(_p[name] for name in SORT_ORDERS[sort].key)), sort, by_brand=by_brand)
    )
    for sort, by_brand in _LISTS
}


SAVE = save_as_read(
    product_table, "product_as_read", "brand_id", "name", "description", "price_amount"
)
