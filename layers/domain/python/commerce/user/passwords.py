"""Passwords are kept as Argon2id hashes.

The parameters are the second recommended option of RFC 9106 §4 (64 MiB, 3 passes, 4 lanes): about
0.15 CPU seconds a hash. Never hash or verify while a row is locked.
"""

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# No password has this hash: verifying against it takes as long as against a user's.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$" + "A" * 22 + "$" + "A" * 43


def hashed(password: str) -> str:
    """The hash to keep, with its salt and parameters in it."""
    return _hasher().hash(_as_bytes(password))


def is_right(password: str, password_hash: str | None) -> bool:
    """Whether the hash is this password's; takes the same time where there is no hash."""
    from argon2.exceptions import VerifyMismatchError

    try:
        return _hasher().verify(password_hash or _NOBODY, _as_bytes(password))
    except VerifyMismatchError:
        return False


@cache
def _hasher() -> "PasswordHasher":
    # Imported on use: every function imports this context, two of them need Argon2.
    from argon2 import PasswordHasher, profiles

    return PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)


def _as_bytes(password: str) -> bytes:
    # The same é from two keyboards is the same password (NIST SP 800-63B §5.1.1.2).
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")
