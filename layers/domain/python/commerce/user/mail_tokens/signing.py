"""The mailed form of a token: it names its row and its user.

It is signed with the keys of device tokens, for an audience per purpose, so that none is good for
what another is. Nothing in the database is enough to make one.
"""

from contextlib import suppress
from uuid import UUID

from commerce.runtime.keyring import Expired, Forged
from commerce.user.devices import KEYRING
from commerce.user.mail_tokens.model import Purpose

_AUDIENCES = {
    Purpose.VERIFICATION: "lastunit-verification",
    Purpose.PASSWORD_RESET: "lastunit-password-reset",
}


def signed(id_: UUID, user_id: UUID, purpose: Purpose) -> str:
    """Make what is mailed: nothing for a notice."""
    if purpose not in _AUDIENCES:
        return ""
    claims = {"sub": str(user_id), "token": str(id_)}
    return KEYRING.sign(claims, audience=_AUDIENCES[purpose], lifetime=purpose.lifetime)


def read(token: str, purpose: Purpose) -> tuple[UUID, UUID] | None:
    """Return the ids of row and user; None for what is forged, expired, or for another purpose."""
    with suppress(Forged, Expired, ValueError, AttributeError, TypeError):
        claims = KEYRING.verify(
            token,
            audience=_AUDIENCES[purpose],
            max_lifetime=purpose.lifetime,
            required=("token",),
        )
        return UUID(claims["token"]), UUID(claims["sub"])
    return None
