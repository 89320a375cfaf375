"""Table of the stripes, and the units that a stock has in them."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    cast,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import array

from commerce.product.tables import stock_table
from commerce.runtime.db.core import metadata

# A part of a hot product's stock, beside what its own row has; buyers take from any of them.
stock_stripe_table = Table(
    "stock_stripe",
    metadata,
    Column("id", Uuid, nullable=False),
    Column(
        "product_id", Uuid, ForeignKey("stock.product_id", name="stripe_of_a_stock"), nullable=False
    ),
    Column("number", Integer, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("product_id", "number", name="stock_stripe_pkey"),
    CheckConstraint("quantity >= 0", name="stripe_not_negative"),
    # Few rows to a page: a writer of a stripe holds its page for a moment.
    postgresql_with={"fillfactor": "10"},
)
_s = stock_stripe_table.c


def _sum_of_stripes(column: Column[int]) -> Any:
    return (
        select(cast(func.coalesce(func.sum(column), 0), BigInteger))
        .where(_s.product_id == stock_table.c.product_id)
        .correlate(stock_table)
        .scalar_subquery()
    )


UNITS_IN_STRIPES = _sum_of_stripes(_s.quantity)
"""The units of all stripes of a stock."""

SALES_FROM_STRIPES = _sum_of_stripes(_s.version)
"""The number of sales from the stripes of a stock."""

STRIPES = func.array(
    select(array([_s.quantity, _s.version]))
    .where(_s.product_id == stock_table.c.product_id)
    .order_by(_s.number)
    .correlate(stock_table)
    .scalar_subquery(),
    type_=ARRAY(BigInteger, dimensions=2),
)
"""The units of each stripe of a stock, and the sales from it, by its number."""
