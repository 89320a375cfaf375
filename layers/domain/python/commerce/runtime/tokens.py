"""Access tokens: short-lived JWTs signed with one of our own keys.

The keys are one secret, `{"current": "<kid>", "<kid>": "<key>", …}`: tokens are signed with the
`current` key and verified with any of them. To rotate, add a key, wait five minutes (as long as a
secret is cached), make it `current`, and remove the old one once its last token has expired.
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
"""The scope of admins."""

LEEWAY_SECONDS = 2  # tolerated difference between two hosts' clocks
MAX_LIFETIME_SECONDS = 24 * 60 * 60  # of any token, as of TokenLifetimeSeconds in the template
REFRESH_SECONDS = 60  # forged kids cause at most one call of Secrets Manager in this time
_ALGORITHM = "HS256"
_CLAIMS = ("iss", "aud", "sub", "scope", "iat", "exp", "jti")

_refreshed_at = -float(REFRESH_SECONDS)


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
    default_detail = "Open a new session with POST /sessions."


class AdminOnly(CommerceError):
    """Only an admin may do this."""

    kind = Kind.FORBIDDEN
    code = "ADMIN_ONLY"


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller, with the scopes of their token."""

    user_id: UUID
    scopes: frozenset[str] = frozenset()

    @property
    def is_admin(self) -> bool:
        """True where the token has the admin scope."""
        return ADMIN in self.scopes

    @property
    def by(self) -> str:
        """The caller's name in histories and audits."""
        return f"{'admin' if self.is_admin else 'user'}:{self.user_id}"


def lifetime_seconds() -> int:
    """Return the lifetime of a new token."""
    return settings.number("TOKEN_LIFETIME_SECONDS", 900)


def sign(user_id: UUID, scopes: frozenset[str] = frozenset()) -> str:
    """Make a token for the user, valid for `lifetime_seconds()`."""
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
    """Return the identity in a valid token. Raises InvalidToken, TokenExpired."""
    try:
        claims = _claims(token, _key(jwt.get_unverified_header(token).get("kid")))
        return Identity(UUID(claims["sub"]), frozenset(claims["scope"].split()))
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired from error
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidToken from error


def bearer(header: str | None) -> str:
    """Return the token of an Authorization header. Raises NotSignedIn."""
    scheme, _, token = (header or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotSignedIn
    return token.strip()


def _claims(token: str, key: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token,
        _prepared(key),
        algorithms=[_ALGORITHM],
        issuer=_issuer(),
        audience=_audience(),
        leeway=LEEWAY_SECONDS,
        options={"require": list(_CLAIMS)},
    )
    # A key that was stolen once must not sign for years.
    if not claims["exp"] - claims["iat"] <= MAX_LIFETIME_SECONDS:
        raise InvalidToken
    return claims


@lru_cache(maxsize=8)  # more keys than there are during a rotation
def _prepared(key: str) -> jwt.PyJWK:
    """Prepare a key once; PyJWT would parse and check a string again for each token."""
    encoded = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    return jwt.PyJWK.from_dict({"kty": "oct", "k": encoded, "alg": _ALGORITHM})


def _key(kid: str | None) -> str:
    """Return the key of this id, reading the secret again where the key may be new."""
    global _refreshed_at
    found = _named(kid, _keys())
    if found is None and time.monotonic() - _refreshed_at >= REFRESH_SECONDS:
        _refreshed_at = time.monotonic()
        found = _named(kid, _keys(fresh=True))
    if found is None:
        raise InvalidToken
    return found


def _named(kid: str | None, keys: dict[str, str]) -> str | None:
    # "current" is not a key: its value is a key's name, which every token's header shows.
    return None if kid in (None, "current") else keys.get(kid)


def _keys(*, fresh: bool = False) -> dict[str, str]:
    if given := os.environ.get("TOKEN_KEYS"):
        keys: dict[str, str] = json.loads(given)
        return keys
    return settings.secret(settings.text("TOKEN_SECRET_ARN"), fresh=fresh)


def _issuer() -> str:
    return settings.text("TOKEN_ISSUER", "lastunit")


def _audience() -> str:
    return settings.text("TOKEN_AUDIENCE", "lastunit-api")
