"""Password hashes with Argon2id.

The parameters are the second recommended option of RFC 9106 §4 (64 MiB, 3 passes, 4 lanes): about
0.15 CPU seconds a hash. Never hash or verify while a row is locked.
"""

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from commerce.user.errors import WeakPassword

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# A hash of no password. Verifying against it takes as long as against a user's.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$" + "A" * 22 + "$" + "A" * 43


MIN_SCORE = 2  # of zxcvbn's 0 to 4: a million guesses, which take decades at spec §3.2's limits
MAX_EXAMINED = 40  # characters: its time grows with their square, and more are never weaker
MIN_OWN = 6  # characters besides those of login id, name and email
MIN_PERSONAL = 3  # characters of a part of those; anything may contain a shorter one


def require_strong(password: str, *personal: str) -> None:
    """Refuse a password that is guessed early. Raises WeakPassword.

    Those are common and breached ones, also with digits or capitals added, patterns of keys,
    sequences and repetitions (zxcvbn), and those made of what is personal.
    """
    from zxcvbn import zxcvbn  # on use: its lists are large

    parts = {part for text in personal for part in (text, *re.split(r"[\W_]+", text))}
    words = {part.casefold() for part in parts if len(part) >= MIN_PERSONAL}
    own = whole = password.casefold()
    for word in sorted(words, key=len, reverse=True):
        own = own.replace(word, "")
    if own != whole and len(own) < MIN_OWN:
        raise WeakPassword
    if zxcvbn(password[:MAX_EXAMINED], user_inputs=sorted(words))["score"] < MIN_SCORE:
        raise WeakPassword


def hashed(password: str) -> str:
    """Hash a password; the result contains its salt and parameters."""
    return _hasher().hash(_as_bytes(password))


def is_right(password: str, password_hash: str | None) -> bool:
    """Check a password against a hash, in the same time if there is no hash."""
    from argon2.exceptions import VerifyMismatchError

    try:
        return _hasher().verify(password_hash or _NOBODY, _as_bytes(password))
    except VerifyMismatchError:
        return False


@cache
def _hasher() -> "PasswordHasher":
    # Imported on first use: many functions import this context, two of them need Argon2.
    from argon2 import PasswordHasher, profiles

    return PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)


def _as_bytes(password: str) -> bytes:
    # The same é from two keyboards is the same password (NIST SP 800-63B §5.1.1.2).
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")
