"""The read of products' brands, as SQLAlchemy Core."""

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select

from commerce.brand.tables import brand_table
from commerce.product.tables import product_table
from commerce.runtime.db.statement import Statement

_p, _b = product_table.c, brand_table.c

BRAND_NAMES = Statement(
    select(_p.id, _b.name)
    .join_from(product_table, brand_table, _b.id == _p.brand_id)
    .where(_p.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
)
