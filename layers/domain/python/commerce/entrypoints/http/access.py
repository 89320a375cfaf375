"""Access to a route: anyone, users or admins."""

from enum import Enum

from commerce.app.sessions import expect_session_of, require_session
from commerce.entrypoints.telemetry import logger
from commerce.runtime import tokens
from commerce.runtime.tokens import Identity


class Access(Enum):
    """The callers that a route lets in."""

    ANYONE = "anyone"
    USER = "user"
    ADMIN = "admin"


ANYONE, USER, ADMIN = Access.ANYONE, Access.USER, Access.ADMIN


def identify(authorization: str | None, access: Access) -> Identity | None:
    """Verify the Authorization header; return the caller, or None where anyone may call.

    Their session is checked with the request's first transaction; on an admin's route at once.

    Raises NotSignedIn, InvalidToken, TokenExpired, SessionEnded, AdminOnly.
    """
    if access is ANYONE:
        return None
    identity = tokens.verify(tokens.bearer(authorization))
    logger.append_keys(user_id=str(identity.user_id))
    if access is ADMIN and not identity.is_admin:
        raise tokens.AdminOnly
    expect_session_of(identity)
    if access is ADMIN:
        require_session()
    return identity
