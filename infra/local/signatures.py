"""The secrets shared with the simulated partners, and the signatures made and checked with them."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

WINDOW_SECONDS = 5 * 60


def kept_secret(directory: Path, name: str) -> str:
    """Return the secret shared with a partner: made on first use, kept in the directory."""
    file = directory / f"{name}.secret"
    if not file.exists():
        directory.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32))
        draft.replace(file)
    return file.read_text()


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of "{timestamp}.{body}"."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def is_valid(signed: str, timestamp: str, body: bytes, keys: Sequence[str]) -> bool:
    """Tell whether a body was signed with one of the keys, within five minutes of now."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return False
    given = signed.encode(errors="replace")
    matches = [
        hmac.compare_digest(given, signature(key, timestamp, body).encode()) for key in keys if key
    ]
    return any(matches) and abs(time.time() - int(timestamp)) <= WINDOW_SECONDS
