"""Statements of the product context: SQLAlchemy Core, and text() for what moves stock."""

from dataclasses import fields
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ScalarSelect,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    func,
    insert,
    or_,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from commerce.product.commands import Sort
from commerce.product.model import NEVER_EDITED
from commerce.product.sale_terms import SaleTerms
from commerce.product.sort_orders import SORT_ORDERS, page_name, parameter
from commerce.product.striping.tables import SALES_FROM_STRIPES, STRIPES, UNITS_IN_STRIPES
from commerce.product.tables import product_table, stock_movement_table, stock_table
from commerce.runtime.db.core import insert_row, records, save_as_read
from commerce.runtime.db.statement import Statement

_p = product_table.c
_TERMS = [each.name for each in fields(SaleTerms)]
_COLUMNS = [each for each in _p if each.name not in {"unlikes_ahead", "created_at"}]
_EDITED = [each.name for each in _COLUMNS if each.name not in {*NEVER_EDITED, "version"}]
_s = stock_table.c
_VERSION = _s.version + _s.counted  # with the sales from its stripes, it grows with all that moves
_SUMMARIES = select(
    *_COLUMNS,
    select(_s.quantity + UNITS_IN_STRIPES == 0)
    .where(_s.product_id == _p.id)
    .scalar_subquery()
    .label("is_sold_out"),
)
_PRODUCTS = select(
    *_COLUMNS,
    func.now().label("read_at"),
    _p.created_at,
    _s.quantity,
    _VERSION.label("stock_version"),
    STRIPES.label("stripes"),
).join_from(product_table, stock_table, _s.product_id == _p.id)

_IDS = bindparam("ids", type_=ARRAY(Uuid))
FIND_ALL = Statement(_PRODUCTS.where(_p.id == any_(_IDS)))
FIND_SUMMARIES = Statement(_SUMMARIES.where(_p.id == any_(_IDS)))
FIND_STATES = Statement(
    select(
        _p.id,
        _p.version,
        _p.like_count,
        (_s.quantity + UNITS_IN_STRIPES).label("stock_quantity"),
        (_VERSION + SALES_FROM_STRIPES).label("stock_version"),
        func.now().label("at"),
        *(_p[name] for name in _TERMS),
    )
    .join_from(product_table, stock_table, _s.product_id == _p.id)
    .where(_p.id == any_(_IDS))
)
ADD = insert_row(product_table, unlikes_ahead=0)
ADD_STOCK = Statement(
    insert(stock_table).values(product_id=bindparam("product_id"), quantity=0, version=1)
)
CONFIRM_STOCK = Statement(
    update(stock_table)
    .where(_s.product_id == bindparam("confirmed_id", type_=Uuid))
    .values(counted=_s.counted + 1)
)
_LEVELS = select(_s.product_id, _s.on_hand, _s.allotted, _s.is_opened)
_NOW = _LEVELS.add_columns(
    (_s.quantity + UNITS_IN_STRIPES).label("available"),
    (_VERSION + SALES_FROM_STRIPES).label("version"),
).where(_s.product_id == bindparam("product_id", type_=Uuid))
FIND_LEVELS = Statement(_NOW)
LOCK_STOCK = Statement(
    select(_s.product_id)
    .where(_s.product_id == any_(_IDS))
    .order_by(_s.product_id)
    .with_for_update()
)
LOCK_LEVELS = Statement(
    _LEVELS.add_columns(_s.quantity.label("available"), _VERSION.label("version"))
    .where(_s.product_id == bindparam("product_id", type_=Uuid))
    .with_for_update()
)
_m = stock_movement_table.c
_NEWEST = (
    select(stock_movement_table)
    .where(
        _m.product_id == bindparam("product_id", type_=Uuid),
        _m.id < bindparam("before", type_=BigInteger),
    )
    .order_by(_m.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
    .lateral("movement")
)
# One statement, so that the levels are those that the newest movement led to.
MOVEMENTS = Statement(
    _NOW.add_columns(
        *(each for each in _NEWEST.c if each.name != "product_id"),
    )
    .select_from(stock_table.outerjoin(_NEWEST, true()))
    .order_by(_NEWEST.c.id.desc())
)

# Guards of what only time decides, by the moment at which they run: after waiting for locks.
_CLOCK = func.clock_timestamp()
_ALL_OF_THEM = func.count() == func.cardinality(_IDS)
_SHOWN = and_(_p.visible_from <= _CLOCK, _p.archived_at.is_(None))
VISIBLE = Statement(
    select(func.require(_ALL_OF_THEM, "products_visible")).where(_p.id == any_(_IDS), _SHOWN)
)
ON_SALE = Statement(
    select(func.require(_ALL_OF_THEM, "products_on_sale")).where(
        _p.id == any_(_IDS),
        _SHOWN,
        or_(_p.sale_from.is_(None), _p.sale_from <= _CLOCK),
        or_(_p.sale_until.is_(None), _p.sale_until > _CLOCK),
    )
)
NEXT_OPENING = Statement(
    select(func.min(_p.visible_from).label("at")).where(
        _p.visible_from > func.now(), _p.archived_at.is_(None)
    )
)

# Likes and unlikes arrive in any order, so an unlike may arrive before its like. Then the count
# stays at zero, and `unlikes_ahead` remembers the unlike until its like has arrived.
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

# Both statements that move stock insert these for each row of their CTE `moved`.
RECORD_MOVEMENT = """
        INSERT INTO stock_movement (product_id, change, on_hand_change, reason, order_id, drop_id,
            "by", note, at)
        SELECT product_id, change, on_hand_change, CAST(:reason AS text), CAST(:order_id AS uuid),
            CAST(:drop_id AS uuid), CAST(:by AS text), CAST(:note AS text),
            CAST(:at AS timestamptz)
        FROM moved"""
RECORD_CHANGE = """
        INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version,
            trace_id, data)
        SELECT changed_id, 'commerce.product', 'StockChanged', CAST(:at AS timestamptz),
            aggregate_id, aggregate_version, CAST(:trace_id AS text),
            jsonb_build_object('product_id', product_id, 'quantity', in_all,
                'change', change, 'reason', CAST(:reason AS text))
        FROM moved WHERE change <> 0"""

# One statement moves stock, so that the movement and its events say what the row became, not what
# was read before. A movement may record two events, so each row version makes two event versions.
# The lock of this row is enough to know that a product is sold out, also where it has stripes. The
# guard's rule is `stock_sufficient`. Events are of what is available: a shipment has none.
MOVE_STOCK = Statement(
    text(f"""
    WITH moved AS (
        UPDATE stock
        SET quantity = stock.quantity + move.change, version = stock.version + 1,
            on_hand = stock.on_hand + move.on_hand_change,
            allotted = stock.allotted + CASE WHEN CAST(:drop_id AS uuid) IS NULL THEN 0
                ELSE move.on_hand_change - move.change END
        FROM jsonb_to_recordset(:moves)
            AS move(product_id uuid, change bigint, on_hand_change bigint, changed_id uuid,
                turned_id uuid)
        WHERE stock.product_id = move.product_id AND stock.quantity + move.change >= 0
        RETURNING stock.product_id, change, on_hand_change, changed_id, turned_id,
            stock.product_id AS aggregate_id, 2 * version AS aggregate_version,
            stock.quantity + (SELECT coalesce(sum(stripe.quantity), 0)
                FROM stock_stripe AS stripe WHERE stripe.product_id = stock.product_id) AS in_all
    ), movement AS ({RECORD_MOVEMENT}
    ), event AS ({RECORD_CHANGE}
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
    """).bindparams(bindparam("moves", type_=JSONB))  # noqa: S608  (no value is interpolated)
)


def _page_of(rows: Select[Any], sort: Sort, *, by_brand: bool) -> Select[Any]:
    # Every list follows one index from a position on. A brand's list leads with the brand in
    # comparison and order, so that only the brand's own index has its order. The position is hidden
    # in subqueries, so that PostgreSQL plans for any position: it estimates a comparison of rows by
    # their first column alone, and where that promises few rows it would sort them all, or skip the
    # products of other brands one by one.
    order = SORT_ORDERS[sort]
    names = ("brand_id", *order.key) if by_brand else order.key
    key = [_p[name] for name in names]
    here, after = tuple_(*key), tuple_(*(_hidden(each) for each in key))
    page = rows.where(here < after if order.descending else here > after)
    if by_brand:
        brand_id = _hidden(_p.brand_id)
        page = page.where(_p.brand_id >= brand_id if order.descending else _p.brand_id <= brand_id)
    # Only what shoppers see. As the last part of the order it needs the list's own index, in which
    # hidden products are passed over: by the primary key each would be read and filtered out.
    page = page.where(_p.visible_from <= func.now(), _p.archived_at.is_(None))
    ordered = (*key, _p.visible_from)
    directed = [each.desc() if order.descending else each.asc() for each in ordered]
    return page.order_by(*directed).limit(bindparam("limit", type_=BigInteger))


def _hidden(part: Any) -> ScalarSelect[Any]:
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
SAVE = save_as_read(product_table, "product_as_read", *_EDITED)
