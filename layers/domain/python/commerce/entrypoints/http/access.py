"""Access to a route: anyone, users, or staff with a scope."""

from dataclasses import replace
from enum import Enum
from typing import TypeAlias

from commerce.app.sessions import expect_session_of, require_session
from commerce.entrypoints.telemetry import logger
from commerce.runtime import tokens
from commerce.runtime.tokens import Identity
from commerce.shared import scopes
from commerce.shared.scopes import Scope


class Caller(Enum):
    """The callers of a route that is not only for staff."""

    ANYONE = "anyone"
    USER = "user"


ANYONE, USER = Caller.ANYONE, Caller.USER
Access: TypeAlias = Caller | Scope
"""The callers that a route lets in: a scope means staff who have it."""


def identify(authorization: str | None, access: Access) -> Identity | None:
    """Verify the Authorization header; return the caller, or None where anyone may call.

    Their session is checked with the request's first transaction; on a staff route at once.

    Raises NotSignedIn, InvalidToken, TokenExpired, SessionEnded, MissingScope.
    """
    if access is ANYONE:
        return None
    identity = tokens.verify(tokens.bearer(authorization))
    logger.append_keys(user_id=str(identity.user_id))
    if isinstance(access, Scope):
        scopes.require(access, identity.scopes)
        identity = replace(identity, is_staff=True)
    expect_session_of(identity)
    if identity.is_staff:
        require_session()
    return identity
