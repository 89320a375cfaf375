"""The SQL statements of the address book."""

from sqlalchemy import Uuid, bindparam, delete, false, select, update

from commerce.runtime.db.core import insert_row
from commerce.runtime.db.statement import Statement
from commerce.shared.postal import FIELDS
from commerce.user.address_book.tables import postal_address_table
from commerce.user.tables import user_table

_a, _u = postal_address_table.c, user_table.c
_ID = bindparam("address_id", type_=Uuid)
_USER = bindparam("user_id", type_=Uuid)
_OF_USER = select(postal_address_table).where(_a.user_id == _USER)

# An address book is counted and changed under the lock of its user.
LOCK_USER = Statement(select(_u.id).where(_u.id == _USER).with_for_update(key_share=True))
LIST = Statement(_OF_USER.order_by(_a.is_default.desc(), _a.id.desc()))
ONE = Statement(_OF_USER.where(_a.id == _ID))
ADD = insert_row(postal_address_table)
CLEAR_DEFAULT = Statement(
    update(postal_address_table)
    .where(_a.user_id == _USER, _a.is_default)
    .values(is_default=false())
)
SAVE = Statement(
    update(postal_address_table)
    .where(_a.id == _ID)
    .values(
        {name: bindparam(f"new_{name}", type_=_a[name].type) for name in (*FIELDS, "is_default")}
    )
)
REMOVE = Statement(delete(postal_address_table).where(_a.id == _ID, _a.user_id == _USER))
REMOVE_ALL = Statement(delete(postal_address_table).where(_a.user_id == _USER))
