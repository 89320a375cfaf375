"""What the database is asked and told about brands, as SQLAlchemy Core."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    insert,
    select,
    update,
)

from commerce.brand.tables import brand_table
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


def _save() -> Select[Any]:
    """Keep an edit of the version that was read; where it is another by now, a rule is broken."""
    saved = (
        update(brand_table)
        .where(
            brand_table.c.id == bindparam("brand_id", type_=Uuid),
            brand_table.c.version == bindparam("version_read", type_=BigInteger),
        )
        .values(
            name=bindparam("new_name", type_=Text),
            description=bindparam("new_description", type_=Text),
            version=brand_table.c.version + 1,
        )
        .returning(brand_table.c.id)
        .cte("saved")
    )
    return select(func.require(func.count() == 1, "brand_as_read")).select_from(saved)


SAVE = Statement(_save)
