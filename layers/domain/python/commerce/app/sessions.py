"""The check that a caller's session is alive, which needs no round trip of its own.

It is sent with the first statement of the request's first transaction, before anything is read
or written there.
"""

from contextvars import ContextVar
from typing import TYPE_CHECKING

from commerce.runtime.db.current import database
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import Precondition, UnitOfWork
from commerce.runtime.tokens import Identity, SessionEnded, TokenExpired

if TYPE_CHECKING:
    from commerce.user.sessions import statements as sql
else:
    sql = precompiled("commerce.user.sessions.statements")

_of_request: ContextVar[Precondition | None] = ContextVar("session_check", default=None)


def expect_session_of(identity: Identity | None) -> None:
    """Check from here on that this caller's session is alive; None ends the check."""
    _of_request.set(_check(identity) if identity and identity.session_id else None)


def session_check() -> Precondition | None:
    """Return the check that the transactions of this request begin with."""
    return _of_request.get()


def require_session() -> None:
    """Check it now unless it was. Raises SessionEnded, TokenExpired."""
    check = _of_request.get()
    if check is not None and not check.is_met:
        UnitOfWork(database(), check).read_together()


def _check(identity: Identity) -> Precondition:
    owner = {"session_id": identity.session_id, "user_id": identity.user_id}

    def refusal() -> SessionEnded | TokenExpired:
        is_open = database().run([sql.IS_OPEN(**owner)])[0]
        # Of an open session only the token is outdated: the next one has the present scopes.
        return TokenExpired() if is_open else SessionEnded()

    query = sql.REQUIRE_ALIVE(**owner, epoch=identity.epoch)
    return Precondition(query, "session_alive", refusal)
