"""The SQL statements of mailed tokens."""

from sqlalchemy import BigInteger, DateTime, Select, Text, Uuid, bindparam, delete, func, select

from commerce.runtime.db.core import delete_older, insert_row
from commerce.runtime.db.statement import Statement
from commerce.user.mail_tokens.tables import mail_token_table
from commerce.user.tables import email_claim_table, user_table

_m, _c, _u = mail_token_table.c, email_claim_table.c, user_table.c
_ID = bindparam("token_id", type_=Uuid)
_USER = bindparam("user_id", type_=Uuid)
_PURPOSE = bindparam("purpose", type_=Text)
_SINCE = bindparam("since", type_=DateTime(timezone=True))
_NOW = bindparam("now", type_=DateTime(timezone=True))
_RECENT = select(func.count()).where(_m.purpose == _PURPOSE, _m.created_at > _SINCE)

ADD = insert_row(mail_token_table)
LOCK_OWNER = Statement(
    select(_c.user_id).where(_c.address == bindparam("address", type_=Text)).with_for_update()
)
RECENT = Statement(_RECENT.where(_m.user_id == _USER))
RECENT_OF_ADDRESS = Statement(
    _RECENT.where(
        _m.user_id
        == select(_c.user_id)
        .where(_c.address == bindparam("address", type_=Text))
        .scalar_subquery()
    )
)
OF_USER = Statement(
    select(mail_token_table)
    .where(_m.user_id == _USER, _m.id < bindparam("before", type_=Uuid))
    .order_by(_m.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
_GOOD = (_m.id == _ID, _m.purpose == _PURPOSE, _m.expires_at > _NOW)
IS_GOOD = Statement(select(_m.id).where(*_GOOD, _m.user_id.is_not(None)))
RECIPIENT = Statement(
    select(_u.id, func.coalesce(_m.former_email, _u.email).label("email"), _u.login_id)
    .join(mail_token_table, _m.user_id == _u.id)
    .where(*_GOOD, _u.suspended_at.is_(None))
)


def _use() -> Select[object]:
    """Build the end of all of a user's tokens of a purpose, one of which must be good."""
    used = (
        delete(mail_token_table)
        .where(_m.user_id == _USER, _m.purpose == _PURPOSE)
        .returning(_m.id, _m.expires_at)
        .cte("used")
    )
    good = select(func.count()).where(used.c.id == _ID, used.c.expires_at > _NOW)
    return select(func.require(good.scalar_subquery() == 1, "mail_token_good"))


USE = Statement(_use)
DELETE_EXPIRED = delete_older(mail_token_table, mail_token_table.c.expires_at)
