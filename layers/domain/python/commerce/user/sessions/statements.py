"""The SQL statements of sessions."""

from sqlalchemy import BigInteger, Select, Uuid, bindparam, delete, exists, func, select, update

from commerce.runtime.db.core import delete_older, insert_row
from commerce.runtime.db.statement import Statement
from commerce.user.sessions.tables import session_table

_s = session_table.c
_ID = bindparam("session_id", type_=Uuid)
_USER = bindparam("user_id", type_=Uuid)
_SESSION = select(
    _s.id, _s.user_id, _s.epoch, _s.user_agent, _s.created_at, _s.used_at, _s.expires_at,
    _s.generation,
)  # fmt: skip
_NOW = func.now()


def _require_alive() -> Select[object]:
    """Build the guard `session_alive`: the session lives, and its tokens have this epoch."""
    alive = exists().where(
        _s.id == _ID,
        _s.user_id == _USER,
        _s.epoch == bindparam("epoch", type_=BigInteger),
        _s.expires_at > _NOW,
    )
    return select(func.require(alive, "session_alive"))


REQUIRE_ALIVE = Statement(_require_alive)
IS_OPEN = Statement(select(_s.id).where(_s.id == _ID, _s.user_id == _USER, _s.expires_at > _NOW))
ADD = insert_row(session_table)
LOCK = Statement(_SESSION.where(_s.id == _ID, _s.user_id == _USER).with_for_update())
NEWEST = Statement(
    _SESSION.where(_s.user_id == _USER, _s.expires_at > _NOW).order_by(
        _s.used_at.desc(), _s.id.desc()
    )
)
SAVE = Statement(
    update(session_table)
    .where(_s.id == _ID)
    .values(
        {
            name: bindparam(f"new_{name}", type_=_s[name].type)
            for name in ("epoch", "generation", "used_at", "expires_at")
        }
    )
)
END = Statement(delete(session_table).where(_s.id == _ID, _s.user_id == _USER))
# By id, so that two who end the same sessions do not wait for each other in a circle.
END_ALL = Statement(
    delete(session_table).where(
        _s.id.in_(
            select(_s.id)
            .where(_s.user_id == _USER, _s.id != bindparam("kept_id", type_=Uuid))
            .order_by(_s.id)
            .with_for_update()
        )
    )
)
END_OLDEST = Statement(
    delete(session_table).where(
        _s.id.in_(
            select(_s.id)
            .where(_s.user_id == _USER)
            .order_by(_s.used_at.desc(), _s.id.desc())
            .offset(bindparam("kept", type_=BigInteger))
        )
    )
)
RENEW_TOKENS = Statement(
    update(session_table)
    .where(_s.user_id == _USER)
    .values(epoch=bindparam("new_epoch", type_=BigInteger))
)
DELETE_EXPIRED = delete_older(session_table, session_table.c.expires_at)
