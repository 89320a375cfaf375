"""Access tokens: JWTs, signed by one of our own keys and good for some minutes.

The keys are one secret, `{"current": "<kid>", "<kid>": "<key>", …}`: `current` signs, each of
them verifies. To rotate, add a key, wait five minutes (as long as a secret is kept), make it
`current`, and take the old one out when its last token has expired.
"""

import base64
import json
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt

from commerce.runtime import settings
from commerce.shared import clock
from commerce.shared.errors import CommerceError, Kind

ADMIN = "admin"
"""The scope that opens what is an admin's."""

LEEWAY_SECONDS = 2  # two hosts' clocks
REFRESH_SECONDS = 60  # a forged kid makes us ask Secrets Manager no more often than this
_ALGORITHM = "HS256"
_CLAIMS = ("iss", "aud", "sub", "scope", "iat", "exp", "jti")

_refreshed_at = -float(REFRESH_SECONDS)


class NotSignedIn(CommerceError):
    """The request has no access token."""

    kind = Kind.UNAUTHENTICATED
    code = "NOT_SIGNED_IN"

    def __init__(self) -> None:
        super().__init__("Send `Authorization: Bearer <token>`, with a token of POST /sessions.")


class InvalidToken(CommerceError):
    """The access token is not one of ours."""

    kind = Kind.UNAUTHENTICATED
    code = "INVALID_TOKEN"

    def __init__(self) -> None:
        super().__init__("Open a new session with POST /sessions.")


class TokenExpired(CommerceError):
    """The access token has expired."""

    kind = Kind.UNAUTHENTICATED
    code = "TOKEN_EXPIRED"

    def __init__(self) -> None:
        super().__init__("Open a new session with POST /sessions.")


class AdminOnly(CommerceError):
    """Only an admin may do this."""

    kind = Kind.FORBIDDEN
    code = "ADMIN_ONLY"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, and what for they have been let in."""

    user_id: UUID
    scopes: frozenset[str] = frozenset()

    @property
    def is_admin(self) -> bool:
        """Whether what is an admin's is open to them."""
        return ADMIN in self.scopes

    @property
    def by(self) -> str:
        """The name under which history keeps them."""
        return f"{'admin' if self.is_admin else 'user'}:{self.user_id}"


def lifetime_seconds() -> int:
    """How long a new token is good for."""
    return settings.number("TOKEN_LIFETIME_SECONDS", 900)


def sign(user_id: UUID, scopes: frozenset[str] = frozenset()) -> str:
    """A token for the user, good for `lifetime_seconds()`."""
    keys = _keys()
    now = clock.now()
    claims = {
        "iss": _issuer(),
        "aud": _audience(),
        "sub": str(user_id),
        "scope": " ".join(sorted(scopes)),
        "iat": now,
        "exp": now + timedelta(seconds=lifetime_seconds()),
        "jti": str(clock.new_id()),
    }
    kid = keys["current"]
    return jwt.encode(claims, _prepared(keys[kid]), algorithm=_ALGORITHM, headers={"kid": kid})


def verify(token: str) -> Identity:
    """Whose token it is. Raises InvalidToken, TokenExpired."""
    try:
        claims = _claims(token, _key(jwt.get_unverified_header(token).get("kid")))
        return Identity(UUID(claims["sub"]), frozenset(claims["scope"].split()))
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired from error
    except (jwt.InvalidTokenError, ValueError, AttributeError, RecursionError) as error:
        raise InvalidToken from error


def bearer(header: str | None) -> str:
    """The token in an Authorization header. Raises NotSignedIn."""
    scheme, _, token = (header or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotSignedIn
    return token.strip()


def _claims(token: str, key: str) -> dict[str, Any]:
    return jwt.decode(
        token,
        _prepared(key),
        algorithms=[_ALGORITHM],
        issuer=_issuer(),
        audience=_audience(),
        leeway=LEEWAY_SECONDS,
        options={"require": list(_CLAIMS)},
    )


@lru_cache(maxsize=8)  # as many keys as there are during a rotation, and some more
def _prepared(key: str) -> jwt.PyJWK:
    """The key as PyJWT uses it: from a text it is made anew, and looked at, for each token."""
    encoded = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    return jwt.PyJWK.from_dict({"kty": "oct", "k": encoded, "alg": _ALGORITHM})


def _key(kid: str | None) -> str:
    """The key that is called so: a key added a moment ago is found by asking afresh, once."""
    global _refreshed_at
    found = _named(kid, _keys())
    if found is None and time.monotonic() - _refreshed_at >= REFRESH_SECONDS:
        _refreshed_at = time.monotonic()
        found = _named(kid, _keys(fresh=True))
    if found is None:
        raise InvalidToken
    return found


def _named(kid: str | None, keys: dict[str, str]) -> str | None:
    # "current" names a key, it is none: its value is public in every token's header.
    return None if kid in (None, "current") else keys.get(kid)


def _keys(*, fresh: bool = False) -> dict[str, str]:
    if given := os.environ.get("TOKEN_KEYS"):
        kept: dict[str, str] = json.loads(given)
        return kept
    return settings.secret(settings.text("TOKEN_SECRET_ARN"), fresh=fresh)


def _issuer() -> str:
    return settings.text("TOKEN_ISSUER", "lastunit")


def _audience() -> str:
    return settings.text("TOKEN_AUDIENCE", "lastunit-api")
