"""Refresh tokens: each names its session and its number in the session's chain.

They are signed with the keys of device tokens, for an audience of their own: neither is good for
what the other is. The database has a number only, of which no token can be made.
"""

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from commerce.runtime.keyring import Expired, Forged
from commerce.user.devices import KEYRING
from commerce.user.sessions.model import LIFETIME, Session

AUDIENCE = "lastunit-refresh"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The contents of a refresh token."""

    session_id: UUID
    user_id: UUID
    generation: int


def token_of(session: Session) -> str:
    """Make the one refresh token that is good for the session now."""
    claims = {
        "sub": str(session.user_id),
        "session": str(session.id),
        "generation": session.generation,
    }
    return KEYRING.sign(claims, audience=AUDIENCE, lifetime=LIFETIME)


def read(token: str) -> RefreshToken | None:
    """Return what a valid token says; None for one that is forged or expired."""
    with suppress(Forged, Expired, ValueError, AttributeError, TypeError):
        claims = KEYRING.verify(
            token, audience=AUDIENCE, max_lifetime=LIFETIME, required=("session", "generation")
        )
        return RefreshToken(UUID(claims["session"]), UUID(claims["sub"]), int(claims["generation"]))
    return None
