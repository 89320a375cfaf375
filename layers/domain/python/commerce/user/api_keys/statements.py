"""The SQL statements of API keys."""

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    Update,
    Uuid,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)

from commerce.runtime.db.statement import Statement
from commerce.user.api_keys.tables import api_key_table
from commerce.user.tables import user_table

AT_ONCE = 100  # spec §3.2, as is the next one
PER_SECOND = 10
_STEP_MS = timedelta(seconds=1) // timedelta(milliseconds=PER_SECOND)

_k, _u = api_key_table.c, user_table.c
_ID = bindparam("api_key_id", type_=Uuid)
_NOW = func.now()
_SHOWN = (
    _k.id, _k.digest, _k.name, _k.ends_with, _k.scopes, _k.creator_id, _k.created_by,
    _k.created_at, _k.expires_at, _k.revoked_at, _k.last_used_at,
)  # fmt: skip

ADD = Statement(
    insert(api_key_table).values(
        {each.name: bindparam(each.name, type_=each.type) for each in _SHOWN}
        | {"next_request_at": _NOW}
    )
)
LIST = Statement(
    select(*_SHOWN)
    .where(_k.id < bindparam("before", type_=Uuid))
    .order_by(_k.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
LOCK = Statement(select(*_SHOWN).where(_k.id == _ID).with_for_update())
REVOKE = Statement(
    update(api_key_table)
    .where(_k.id == _ID, _k.revoked_at.is_(None))
    .values(revoked_at=bindparam("new_revoked_at", type_=_k.revoked_at.type))
)


def _interval(milliseconds: int) -> Any:
    return literal_column(f"interval '{milliseconds} ms'")


def _is_good() -> ColumnElement[bool]:
    """Build the condition that the key opens anything, whatever its scopes."""
    is_suspended = exists().where(_u.id == _k.creator_id, _u.suspended_at.is_not(None))
    return and_(
        _k.digest == bindparam("digest", type_=Text),
        _k.revoked_at.is_(None),
        _k.expires_at > _NOW,
        ~is_suspended,
    )


def _use() -> Update:
    """Build the count of one request, which finds no row where the key has used its rate up.

    `next_request_at` moves by a step with each request; it may be ahead of the clock by as many
    steps as there may be requests at once.
    """
    ahead = _interval(AT_ONCE * _STEP_MS - _STEP_MS)
    creator = select(_u.scopes).where(_u.id == _k.creator_id).scalar_subquery()
    return (
        update(api_key_table)
        .where(_is_good(), _k.next_request_at <= _NOW + ahead)
        .values(
            next_request_at=func.greatest(_k.next_request_at, _NOW) + _interval(_STEP_MS),
            last_used_at=_NOW,
        )
        .returning(_k.id, _k.scopes, _k.creator_id, creator.label("creator_scopes"))
    )


USE = Statement(_use)
IS_GOOD = Statement(lambda: select(_k.id).where(_is_good()))
