"""The SQL statements of staff."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    or_,
    select,
    text,
    update,
)

from commerce.runtime.db.core import insert_row
from commerce.runtime.db.statement import Statement
from commerce.shared.scopes import Scope
from commerce.user.recipients.tables import SUPPRESSION, WITH_SUPPRESSION
from commerce.user.sessions.tables import session_table
from commerce.user.staff.tables import bootstrap_use_table
from commerce.user.tables import email_claim_table, user_table

_u, _c, _s = user_table.c, email_claim_table.c, session_table.c
_STAFF = (_u.id, _u.login_id, _u.scopes, _u.suspended_at)
_MEMBER = (*_STAFF, _u.epoch, _u.suspension_reason)
_IS_STAFF = _u.scopes != text("'{}'")  # as the index has it
_IS_ADMIN = _IS_STAFF & (text(f"'{Scope.ADMIN.value}'") == any_(_u.scopes))
_ID = bindparam("user_id", type_=Uuid)

_LAST_SIGNED_IN = (
    select(func.max(_s.created_at)).where(_s.user_id == _u.id).scalar_subquery()
).label("last_signed_in_at")

LIST = Statement(
    select(*_STAFF, _LAST_SIGNED_IN)
    .where(_IS_STAFF, _u.id < bindparam("before", type_=Uuid))
    .order_by(_u.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
# By id, so that two who change staff at once do not wait for each other in a circle.
LOCK = Statement(
    select(*_MEMBER).where(or_(_u.id == _ID, _IS_ADMIN)).order_by(_u.id).with_for_update()
)
ID_OF_LOGIN = Statement(
    select(_u.id).where(func.lower(_u.login_id) == func.lower(bindparam("login_id", type_=Text)))
)
USE_BOOTSTRAP = insert_row(bootstrap_use_table)
SAVE = Statement(
    update(user_table)
    .where(_u.id == _ID)
    .values(
        {
            name: bindparam(f"new_{name}", type_=type_)
            for name, type_ in (
                ("scopes", ARRAY(Text)),
                ("epoch", BigInteger()),
                ("suspended_at", DateTime(timezone=True)),
                ("suspension_reason", Text()),
            )
        }
    )
)

_USER = select(
    _u.id, _u.login_id, _u.name, _u.email, _c.verified_at.is_not(None).label("email_verified"),
    _u.birth_date, _u.gender, _u.language, _u.created_at, _u.scopes, _u.suspended_at,
    _u.suspension_reason, *SUPPRESSION,
).select_from(WITH_SUPPRESSION)  # fmt: skip
ONE = Statement(_USER.where(_u.id == _ID))
WITH_LOGIN_ID = Statement(
    _USER.where(func.lower(_u.login_id) == func.lower(bindparam("login_id", type_=Text)))
)
WITH_EMAIL = Statement(_USER.where(_c.address == bindparam("address", type_=Text)))
