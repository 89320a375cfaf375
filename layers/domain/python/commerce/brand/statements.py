"""Statements of the brand context, as SQLAlchemy Core."""

from sqlalchemy import ARRAY, Uuid, any_, bindparam, insert, select

from commerce.brand.tables import brand_table
from commerce.runtime.db.core import save_as_read
from commerce.runtime.db.statement import Statement

_b = brand_table.c
_BRANDS = select(_b.id, _b.name, _b.description, _b.version)
FIND_ALL = Statement(_BRANDS.where(_b.id == any_(bindparam("ids", type_=ARRAY(Uuid)))))
NEWEST = Statement(
    _BRANDS.where(_b.id < bindparam("before", type_=Uuid))
    .order_by(_b.id.desc())
    .limit(bindparam("limit"))
)
ADD = Statement(
    insert(brand_table).values(
        {name: bindparam(name) for name in ("id", "name", "description", "created_at")}
        | {"version": 1}
    )
)
SAVE = save_as_read(brand_table, "brand_as_read", "name", "description")
