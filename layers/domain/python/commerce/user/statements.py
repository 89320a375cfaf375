"""The SQL statements of the user context."""

from sqlalchemy import ARRAY, Select, Text, Uuid, any_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from commerce.runtime.db.core import insert_row
from commerce.runtime.db.statement import Statement
from commerce.user.tables import login_attempt_table, user_table

_u, _a = user_table.c, login_attempt_table.c
_LOGIN_ID = func.lower(bindparam("login_id"))
_USER = select(
    _u.id, _u.login_id, _u.password_hash, _u.name, _u.email, _u.birth_date, _u.gender, _u.scopes,
    _u.version,
)  # fmt: skip
ONE = Statement(_USER.where(_u.id == bindparam("id")))
WITH_LOGIN_ID = Statement(_USER.where(func.lower(_u.login_id) == _LOGIN_ID))
ADD = insert_row(user_table)
WITH_SCOPE = Statement(
    _USER.where(bindparam("scope", type_=Text) == any_(_u.scopes)).order_by(_u.login_id)
)
LOCK_WITH_LOGIN_ID = Statement(_USER.where(func.lower(_u.login_id) == _LOGIN_ID).with_for_update())
SAVE_SCOPES = Statement(
    update(user_table)
    .where(_u.id == bindparam("user_id", type_=Uuid))
    .values(scopes=bindparam("new_scopes", type_=ARRAY(Text)))
)


def _attempts() -> Select[tuple[int, object]]:
    return select(_a.failures, _a.blocked_until).where(_a.login_id == _LOGIN_ID)


ATTEMPTS = Statement(_attempts())
OPEN_ATTEMPTS = Statement(
    insert(login_attempt_table)
    .values(login_id=_LOGIN_ID, failures=0, blocked_until=bindparam("blocked_until"))
    .on_conflict_do_nothing()
)
LOCK_ATTEMPTS = Statement(_attempts().with_for_update())
SAVE_ATTEMPTS = Statement(
    update(login_attempt_table)
    .where(_a.login_id == _LOGIN_ID)
    .values(failures=bindparam("new_failures"), blocked_until=bindparam("new_blocked_until"))
)
