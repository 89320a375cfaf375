"""What the database is asked and told about brands, as SQLAlchemy Core."""

from sqlalchemy import (
    ARRAY,
    Uuid,
    any_,
    bindparam,
    insert,
    select,
)

from commerce.brand.tables import brand_table
from commerce.runtime.db.core import save_as_read
from commerce.runtime.db.statement import Statement

_COLUMNS = (
    brand_table.c.id,
    brand_table.c.name,
    brand_table.c.description,
    brand_table.c.version,
)
SOME = Statement(
    select(*_COLUMNS).where(brand_table.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
)
NEWEST = Statement(
    select(*_COLUMNS)
    .where(brand_table.c.id < bindparam("before", type_=Uuid))
    .order_by(brand_table.c.id.desc())
    .limit(bindparam("limit"))
)
ADD = Statement(
    insert(brand_table).values(
        {name: bindparam(name) for name in ("id", "name", "description", "created_at")}
        | {"version": 1}
    )
)


SAVE = save_as_read(brand_table, "brand_as_read", "name", "description")
