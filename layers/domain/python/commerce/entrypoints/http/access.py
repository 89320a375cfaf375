"""Access to a route: anyone, users, or staff and machines with a scope."""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import TypeAlias

from commerce.app.api_keys import InvalidApiKey, identify_key
from commerce.app.sessions import expect_session_of
from commerce.entrypoints.telemetry import logger
from commerce.runtime import tokens
from commerce.runtime.tokens import Identity, InvalidToken
from commerce.shared import scopes
from commerce.shared.errors import CommerceError, Kind
from commerce.shared.scopes import Scope


class Caller(Enum):
    """The callers of a route that is not only for staff."""

    ANYONE = "anyone"
    USER = "user"


ANYONE, USER = Caller.ANYONE, Caller.USER
Access: TypeAlias = Caller | Scope
"""The callers that a route lets in: a scope means staff and API keys that have it."""


class PeopleOnly(CommerceError):
    """An API key may not do this."""

    kind = Kind.FORBIDDEN
    code = "PEOPLE_ONLY"
    default_detail = "Rights are given and taken by people: sign in."


class BootstrapOnly(CommerceError):
    """In production this token makes a new shop's first member of staff, and does nothing else."""

    kind = Kind.FORBIDDEN
    code = "BOOTSTRAP_ONLY"
    default_detail = "Use it once, with PUT /admin/staff/{user_id}; then sign in as that user."


def identify(
    headers: Mapping[str, str],
    access: Access,
    *,
    people_only: bool = False,
    bootstraps: bool = False,
) -> Identity | None:
    """Verify the caller's token or API key; return the caller, or None where anyone may call.

    A session is checked with the request's first transaction; an API key at once.

    Raises NotSignedIn, InvalidToken, TokenExpired; on a staff route InvalidApiKey, TooManyRequests,
    MissingScope, PeopleOnly, BootstrapOnly.
    """
    if access is ANYONE:
        return None
    if isinstance(access, Scope) and "x-api-key" in headers:
        if "authorization" in headers:
            raise InvalidApiKey("Send X-Api-Key or Authorization, and not both.")
        identity = identify_key(headers["x-api-key"].strip())
        logger.append_keys(api_key_id=str(identity.user_id))
    else:
        identity = tokens.verify(tokens.bearer(headers.get("authorization")))
        logger.append_keys(user_id=str(identity.user_id))
    if isinstance(access, Scope):
        scopes.require(access, identity.scopes)
        if people_only and identity.is_key:
            raise PeopleOnly
        if identity.is_bootstrap and not bootstraps:
            raise BootstrapOnly
        identity = replace(identity, is_staff=True)
    elif identity.is_bootstrap:
        raise InvalidToken
    expect_session_of(identity)
    return identity
