"""The SQL statements of the user context."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    DateTime,
    Select,
    Text,
    Update,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.types import TypeEngine

from commerce.runtime.db.core import delete_older, insert_row, records, save_as_read
from commerce.runtime.db.statement import Statement
from commerce.user.mail_tokens.tables import mail_token_table
from commerce.user.tables import (
    email_claim_table,
    login_attempt_table,
    login_throttle_table,
    user_table,
)

_u, _c, _t = user_table.c, email_claim_table.c, login_throttle_table.c
_LOGIN_ID = func.lower(bindparam("login_id"))
_WITH_CLAIM = user_table.outerjoin(email_claim_table, _c.user_id == _u.id)
_VERIFIED = _c.verified_at.is_not(None).label("email_verified")
_USER = select(
    _u.id, _u.login_id, _u.password_hash, _u.name, _u.email, _VERIFIED, _u.birth_date, _u.gender,
    _u.language, _u.scopes, _u.epoch, _u.version,
    _u.suspended_at.is_not(None).label("is_suspended"),
).select_from(_WITH_CLAIM)  # fmt: skip
ONE = Statement(_USER.where(_u.id == bindparam("id")))
WITH_LOGIN_ID = Statement(_USER.where(func.lower(_u.login_id) == _LOGIN_ID))
ADD = insert_row(user_table, suspended_at=None, suspension_reason=None)
ENTRANT = Statement(
    select(_u.email, _VERIFIED, _u.created_at, _u.scopes)
    .select_from(_WITH_CLAIM)
    .where(_u.id == bindparam("id", type_=Uuid))
)
_BY_LOGIN_ID = _USER.where(func.lower(_u.login_id) == _LOGIN_ID)
SHARE_WITH_LOGIN_ID = Statement(_BY_LOGIN_ID.with_for_update(read=True, of=user_table))
# Not FOR UPDATE, which would keep rows from being added that name the user: what is mailed locks
# the address first.
LOCK = Statement(
    _USER.where(_u.id == bindparam("id")).with_for_update(key_share=True, of=user_table)
)
SHARE = Statement(_USER.where(_u.id == bindparam("id")).with_for_update(read=True, of=user_table))


def _save(**values: TypeEngine[Any]) -> Update:
    new = {name: bindparam(f"new_{name}", type_=type_) for name, type_ in values.items()}
    return update(user_table).where(_u.id == bindparam("user_id", type_=Uuid)).values(new)


SAVE = save_as_read(user_table, "user_as_read", "name", "email", "language")


def _claim(**verified: Any) -> Insert:
    claimed = insert(email_claim_table).values(
        address=bindparam("address"), user_id=bindparam("user_id", type_=Uuid), **verified
    )
    new = {name: claimed.excluded[name] for name in ("address", "verified_at")}
    return claimed.on_conflict_do_update(constraint="user_claims_one_email", set_=new)


CLAIM_EMAIL = Statement(_claim())
VERIFY_EMAIL = Statement(
    _claim(verified_at=bindparam("verified_at", type_=DateTime(timezone=True)))
)
RELEASE_UNVERIFIED = Statement(
    delete(email_claim_table).where(
        _c.address == bindparam("address", type_=Text),
        _c.user_id != bindparam("user_id", type_=Uuid),
        _c.verified_at.is_(None),
    )
)
# They are kept until they would have expired, so that they count among the mails of the hour.
VOID_MAIL_TOKENS = Statement(
    update(mail_token_table)
    .where(
        mail_token_table.c.user_id == bindparam("void_of", type_=Uuid),
        mail_token_table.c.former_email.is_(None),
    )
    .values(
        expires_at=func.least(
            mail_token_table.c.expires_at, bindparam("now", type_=DateTime(timezone=True))
        )
    )
)
SAVE_PASSWORD = Statement(_save(password_hash=Text(), epoch=BigInteger()))


def _throttles() -> Select[tuple[str, int, object]]:
    keys: BindParameter[Any] = bindparam("keys", type_=ARRAY(Text))
    return select(_t.key, _t.failures, _t.blocked_until).where(_t.key == any_(keys))


def _open_throttles() -> Insert:
    rows = records("rows", _t.key, _t.failures, _t.blocked_until)
    # By key, as they are locked: two attempts with the same counters must not deadlock.
    ordered = select(rows.c.key, rows.c.failures, rows.c.blocked_until).order_by(rows.c.key)
    names = ["key", "failures", "blocked_until"]
    return insert(login_throttle_table).from_select(names, ordered).on_conflict_do_nothing()


THROTTLES = Statement(_throttles())
OPEN_THROTTLES = Statement(_open_throttles)
LOCK_THROTTLES = Statement(_throttles().order_by(_t.key).with_for_update())
SAVE_THROTTLE = Statement(
    update(login_throttle_table)
    .where(_t.key == bindparam("throttle_key"))
    .values(failures=bindparam("new_failures"), blocked_until=bindparam("new_blocked_until"))
)

# --- retention -----------------------------------------------------------------------------------

DELETE_THROTTLES = delete_older(login_throttle_table, login_throttle_table.c.blocked_until)
DELETE_ATTEMPTS = delete_older(login_attempt_table, login_attempt_table.c.blocked_until)
