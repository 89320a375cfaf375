"""Keyrings: the keys of one purpose, which sign JWTs and digest what must not be guessed.

A keyring is one secret, `{"current": "<kid>", "<kid>": "<key>", …}`: the `current` key signs, any
of them verifies. To rotate, add a key, wait five minutes (as long as a secret is cached), make it
`current`, and remove the old one once what it signed last has expired.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from datetime import timedelta
from functools import lru_cache
from typing import Any

import jwt

from commerce.runtime import settings
from commerce.shared import clock

LEEWAY_SECONDS = 2  # tolerated difference between two hosts' clocks
REFRESH_SECONDS = 60  # forged kids cause at most one call of Secrets Manager in this time
_ALGORITHM = "HS256"
_CLAIMS = ("iss", "aud", "sub", "iat", "exp")


class Forged(Exception):
    """The token was not signed with one of these keys, or not for this purpose."""


class Expired(Exception):
    """The token was valid once."""


class Keyring:
    """The keys in the variable `<name>_KEYS`, else in the secret `<name>_SECRET_ARN`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._refreshed_at = -float(REFRESH_SECONDS)

    def sign(self, claims: dict[str, Any], *, audience: str, lifetime: timedelta) -> str:
        """Make a JWT of the claims for the audience."""
        keys = self._keys()
        kid, now = keys["current"], clock.now()
        all_claims = {
            "iss": _issuer(),
            "aud": audience,
            **claims,
            "iat": now,
            "exp": now + lifetime,
        }
        return jwt.encode(
            all_claims, _prepared(keys[kid]), algorithm=_ALGORITHM, headers={"kid": kid}
        )

    def verify(
        self, token: str, *, audience: str, max_lifetime: timedelta, required: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Return the claims of a valid token. Raises Forged, Expired.

        Args:
            token: as it was received.
            audience: for whom it must be.
            max_lifetime: a longer one is refused: a key that was stolen once must not sign for
                years.
            required: names of claims besides those that every token has.
        """
        try:
            key = self._key(_key_id(token.partition(".")[0]))
            claims: dict[str, Any] = jwt.decode(
                token,
                _prepared(key),
                algorithms=[_ALGORITHM],
                issuer=_issuer(),
                audience=audience,
                leeway=LEEWAY_SECONDS,
                options={"require": [*_CLAIMS, *required]},
            )
            if not claims["exp"] - claims["iat"] <= max_lifetime.total_seconds():
                raise Forged
        except jwt.ExpiredSignatureError as error:
            raise Expired from error
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, RecursionError) as e:
            raise Forged from e
        return claims

    def digest(self, purpose: str, text: str) -> str:
        """Hash the text with the current key: the same within a purpose, not to be guessed back."""
        keys = self._keys()
        key = keys[keys["current"]].encode()
        # No JWT has a NUL: a digest is never a signature.
        return hmac.new(key, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()[:32]

    def _key(self, kid: str | None) -> str:
        """Return the key of this id, reading the secret again where the key may be new."""
        found = _named(kid, self._keys())
        if found is None and time.monotonic() - self._refreshed_at >= REFRESH_SECONDS:
            self._refreshed_at = time.monotonic()
            found = _named(kid, self._keys(fresh=True))
        if found is None:
            raise Forged
        return found

    def _keys(self, *, fresh: bool = False) -> dict[str, str]:
        if given := os.environ.get(f"{self._name}_KEYS"):
            keys: dict[str, str] = json.loads(given)
            return keys
        return settings.secret(settings.text(f"{self._name}_SECRET_ARN"), fresh=fresh)


@lru_cache(maxsize=16)  # every token of a key has the same header
def _key_id(header: str) -> str | None:
    """Return the id of the key in a token's header, as it was received."""
    kid: str | None = jwt.get_unverified_header(f"{header}..").get("kid")
    return kid


@lru_cache(maxsize=16)  # more keys than there are during a rotation
def _prepared(key: str) -> jwt.PyJWK:
    """Prepare a key once; PyJWT would parse and check a string again for each token."""
    encoded = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    return jwt.PyJWK.from_dict({"kty": "oct", "k": encoded, "alg": _ALGORITHM})


def _named(kid: str | None, keys: dict[str, str]) -> str | None:
    # "current" is not a key: its value is a key's name, which every token's header shows.
    return None if kid in (None, "current") else keys.get(kid)


def _issuer() -> str:
    return settings.text("TOKEN_ISSUER", "lastunit")
