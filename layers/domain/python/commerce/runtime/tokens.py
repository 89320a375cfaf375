"""Access tokens: short-lived JWTs signed with one of our own keys."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from commerce.runtime import settings
from commerce.runtime.keyring import Expired, Forged, Keyring
from commerce.shared import clock
from commerce.shared.errors import CommerceError, Kind

MAX_LIFETIME = timedelta(days=1)  # of any token, as of TokenLifetimeSeconds in the template
KEYRING = Keyring("TOKEN")


class NotSignedIn(CommerceError):
    """The request has no access token."""

    kind = Kind.UNAUTHENTICATED
    code = "NOT_SIGNED_IN"
    default_detail = "Send `Authorization: Bearer <token>`, with a token of POST /sessions."


class InvalidToken(CommerceError):
    """The access token is not one of ours."""

    kind = Kind.UNAUTHENTICATED
    code = "INVALID_TOKEN"
    default_detail = "Open a new session with POST /sessions."


class TokenExpired(CommerceError):
    """The access token has expired."""

    kind = Kind.UNAUTHENTICATED
    code = "TOKEN_EXPIRED"
    default_detail = "Get a new one with POST /sessions/refresh."


class SessionEnded(CommerceError):
    """The session has ended."""

    kind = Kind.UNAUTHENTICATED
    code = "SESSION_ENDED"
    default_detail = "Open a new session with POST /sessions."


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller, with what their token says.

    A token without a session is an operator's, signed with the keys by hand: it lasts until it
    expires, and in production it bootstraps the shop and does nothing else. On a staff route
    `is_staff` is true. An API key is a caller whose `user_id` is its own id.
    """

    user_id: UUID
    scopes: frozenset[str] = frozenset()
    session_id: UUID | None = None
    epoch: int = 0
    is_staff: bool = False
    is_key: bool = False

    @property
    def account_id(self) -> UUID | None:
        """The caller's account; None for operators and API keys, which have none."""
        return self.user_id if self.session_id else None

    @property
    def is_bootstrap(self) -> bool:
        """True for an operator's token in production."""
        return self.session_id is None and not self.is_key and settings.is_production()

    @property
    def by(self) -> str:
        """The caller's name in histories and audits: staff who shop are users there."""
        if self.is_key:
            return f"key:{self.user_id}"
        return f"{'admin' if self.is_staff else 'user'}:{self.user_id}"


def lifetime_seconds() -> int:
    """Return the lifetime of a new token."""
    return settings.number("TOKEN_LIFETIME_SECONDS", 900)


def sign(
    user_id: UUID,
    scopes: frozenset[str] = frozenset(),
    *,
    session_id: UUID | None = None,
    epoch: int = 0,
) -> str:
    """Make a token for the user, valid for `lifetime_seconds()` and as long as the session."""
    claims: dict[str, Any] = {
        "sub": str(user_id),
        "scope": " ".join(sorted(scopes)),
        "jti": str(clock.new_id()),
    }
    if session_id is not None:
        claims |= {"session": str(session_id), "epoch": epoch}
    lifetime = timedelta(seconds=lifetime_seconds())
    return KEYRING.sign(claims, audience=_audience(), lifetime=lifetime)


def verify(token: str) -> Identity:
    """Return the identity in a valid token. Raises InvalidToken, TokenExpired."""
    try:
        claims = KEYRING.verify(
            token,
            audience=_audience(),
            max_lifetime=MAX_LIFETIME,
            required=("scope", "jti"),
        )
        session_id = UUID(claims["session"]) if "session" in claims else None
        epoch = int(claims["epoch"]) if session_id else 0
        scopes = frozenset(claims["scope"].split())
        return Identity(UUID(claims["sub"]), scopes, session_id, epoch)
    except Expired as error:
        raise TokenExpired from error
    except (Forged, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidToken from error


def bearer(header: str | None) -> str:
    """Return the token of an Authorization header. Raises NotSignedIn."""
    scheme, _, token = (header or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotSignedIn
    return token.strip()


def _audience() -> str:
    return settings.text("TOKEN_AUDIENCE", "lastunit-api")
