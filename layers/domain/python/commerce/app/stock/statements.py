"""Reads over the tables of several contexts for staff who change stock, as SQLAlchemy Core."""

from sqlalchemy import BigInteger, Uuid, bindparam, or_, select, text

from commerce.order.tables import order_table
from commerce.product.tables import stock_movement_table
from commerce.runtime.db.statement import Statement

_m, _o = stock_movement_table.c, order_table.c

ORDERS_HOLDING = Statement(
    select(_m.order_id)
    .join_from(stock_movement_table, order_table, _o.id == _m.order_id)
    .where(
        _m.product_id == bindparam("product_id", type_=Uuid),
        _m.reason == text("'SOLD'"),
        or_(_o.status == text("'PENDING'"), _o.status == text("'CONFIRMED'")),
    )
    .order_by(_m.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
