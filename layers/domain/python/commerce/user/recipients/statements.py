"""The SQL statements of recipients."""

from sqlalchemy import DateTime, Text, Uuid, bindparam, delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningInsert

from commerce.runtime.db.statement import Statement
from commerce.user.recipients.tables import suppressed_address_table
from commerce.user.tables import email_claim_table, user_table

_s, _c, _u = suppressed_address_table.c, email_claim_table.c, user_table.c
_ADDRESS = bindparam("address", type_=Text)
_USER = bindparam("user_id", type_=Uuid)

ONE = Statement(
    select(_u.email, _u.login_id, _u.language).where(_u.id == _USER, _u.suspended_at.is_(None))
)
IS_SUPPRESSED = Statement(select(_s.address).where(_s.address == _ADDRESS))


def _suppress() -> ReturningInsert[tuple[object]]:
    """Build the suppression of an address that is somebody's, whose claim an erasure deletes."""
    reported = (
        select(_c.address, _c.user_id, bindparam("reason", type_=Text),
               bindparam("at", type_=DateTime(timezone=True)))
        .where(_c.address == _ADDRESS)
        .with_for_update()
    )  # fmt: skip
    names = ["address", "user_id", "reason", "suppressed_at"]
    suppressed = insert(suppressed_address_table).from_select(names, reported)
    new = {name: suppressed.excluded[name] for name in names[1:]}
    return suppressed.on_conflict_do_update(index_elements=["address"], set_=new).returning(
        _s.user_id
    )


SUPPRESS = Statement(_suppress)
LIFT_OTHERS = Statement(
    delete(suppressed_address_table).where(_s.user_id == _USER, _s.address != _ADDRESS)
)
LIFT = Statement(
    delete(suppressed_address_table)
    .where(_s.address == select(_c.address).where(_c.user_id == _USER).scalar_subquery())
    .returning(_s.reason)
)
ERASE = Statement(
    delete(suppressed_address_table).where(or_(_s.user_id == _USER, _s.address == _ADDRESS))
)
