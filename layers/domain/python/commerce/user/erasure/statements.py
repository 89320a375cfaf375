"""The SQL statements of erasure."""

from sqlalchemy import Text, Uuid, bindparam, delete, func, literal_column, select, update

from commerce.runtime.db.core import insert_row
from commerce.runtime.db.statement import Statement
from commerce.user.api_keys.tables import api_key_table
from commerce.user.erasure.tables import erased_user_table
from commerce.user.mail_tokens.tables import mail_token_table
from commerce.user.recipients.tables import SUPPRESSION, WITH_SUPPRESSION
from commerce.user.sessions.tables import session_table
from commerce.user.tables import (
    email_claim_table,
    login_attempt_table,
    login_throttle_table,
    user_table,
)

_u, _k = user_table.c, api_key_table.c
_USER = bindparam("erased", type_=Uuid)

ACCOUNT = Statement(
    select(
        _u.id, _u.login_id, _u.name, _u.email,
        email_claim_table.c.verified_at.label("email_verified_at"),
        _u.birth_date, _u.gender, _u.language, _u.scopes, _u.created_at, _u.suspended_at,
        _u.suspension_reason, *SUPPRESSION,
    )
    .select_from(WITH_SUPPRESSION)
    .where(_u.id == _USER)
)  # fmt: skip
# Whatever stores something new for the person shares this lock: the triggers of migration 0022.
HOLD = Statement(
    select(
        func.pg_advisory_xact_lock(
            literal_column(str(int.from_bytes(b"era"))),
            func.hashtext(bindparam("person", type_=Text)),
        )
    )
)
REMEMBER = insert_row(erased_user_table)
# The address before what is mailed to it, as a reset locks them.
ADDRESS = Statement(delete(email_claim_table).where(email_claim_table.c.user_id == _USER))
MAIL_TOKENS = Statement(delete(mail_token_table).where(mail_token_table.c.user_id == _USER))
SESSIONS = Statement(
    delete(session_table).where(
        session_table.c.id.in_(
            select(session_table.c.id)
            .where(session_table.c.user_id == _USER)
            .order_by(session_table.c.id)
            .with_for_update()
        )
    )
)
COUNTER = Statement(
    delete(login_throttle_table).where(
        login_throttle_table.c.key == bindparam("throttle_key", type_=Text)
    )
)
# Of releases before migration 0011; the next release drops the table.
OLD_COUNTER = Statement(
    delete(login_attempt_table).where(
        login_attempt_table.c.login_id == func.lower(bindparam("login_id", type_=Text))
    )
)
API_KEYS = Statement(
    update(api_key_table)
    .where(_k.creator_id == _USER)
    .values(creator_id=None, revoked_at=func.coalesce(_k.revoked_at, func.now()))
)
ACCOUNT_ROW = Statement(delete(user_table).where(_u.id == _USER))
