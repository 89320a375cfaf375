"""The check of an API key, which counts its requests."""

from typing import TYPE_CHECKING

from commerce.runtime.db.current import database
from commerce.runtime.db.statement import precompiled
from commerce.runtime.tokens import Identity
from commerce.shared.errors import CommerceError, Kind
from commerce.shared.scopes import Scope
from commerce.user.api_keys.model import digest_of, has_form

if TYPE_CHECKING:
    from commerce.user.api_keys import statements as sql
else:
    sql = precompiled("commerce.user.api_keys.statements")


class InvalidApiKey(CommerceError):
    """The API key is not good."""

    kind = Kind.UNAUTHENTICATED
    code = "INVALID_API_KEY"
    default_detail = "It is unknown, expired or revoked, or its creator is suspended."


class TooManyRequests(CommerceError):
    """This API key has sent too many requests."""

    kind = Kind.TOO_MANY
    code = "TOO_MANY_REQUESTS"
    default_detail = "Send them more slowly, or in fewer at once."
    default_retry_after_seconds = 1


def identify_key(secret: str) -> Identity:
    """Return the machine that a key belongs to, with its scopes that its creator has too.

    A key that an operator without an account made has all of its scopes.

    Raises InvalidApiKey, TooManyRequests.
    """
    if not has_form(secret):
        raise InvalidApiKey
    digest = digest_of(secret)
    for row in database().run([sql.USE(digest=digest)])[0]:
        scopes = frozenset(row.scopes)
        if row.creator_id is not None and Scope.ADMIN not in row.creator_scopes:
            scopes &= frozenset(row.creator_scopes)
        return Identity(row.id, scopes, is_key=True)
    if database().run([sql.IS_GOOD(digest=digest)])[0]:
        raise TooManyRequests
    raise InvalidApiKey
