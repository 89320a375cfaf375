"""An API key: a secret that is shown once, of which a digest is kept."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

LIFETIME = timedelta(days=365)  # spec §3.2, unless its creator chooses another
PREFIX = "lastunit_key_"
"""Begins every key, so that scanners find those that were published by mistake."""

_FORM = re.compile(rf"{PREFIX}[0-9a-f]{{64}}")
_SHOWN = 4


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """A key as it is kept. `creator_id` is None where an operator without an account made it."""

    id: UUID
    digest: str
    name: str
    ends_with: str
    scopes: frozenset[str]
    creator_id: UUID | None
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    @classmethod
    def created(
        cls,
        id_: UUID,
        *,
        name: str,
        scopes: frozenset[str],
        creator_id: UUID | None,
        created_by: str,
        at: datetime,
        expires_at: datetime | None,
    ) -> tuple[Self, str]:
        """Make a new key; return it with the secret that is not kept."""
        secret = PREFIX + secrets.token_hex(32)
        key = cls(
            id=id_,
            digest=digest_of(secret),
            name=name,
            ends_with=secret[-_SHOWN:],
            scopes=scopes,
            creator_id=creator_id,
            created_by=created_by,
            created_at=at,
            expires_at=expires_at or at + LIFETIME,
        )
        return key, secret


def has_form(secret: str) -> bool:
    """Return True where this may be a key of ours."""
    return _FORM.fullmatch(secret) is not None


def digest_of(secret: str) -> str:
    """Return what is kept of a key: it has 256 random bits, so a plain hash cannot be undone."""
    return hashlib.sha256(secret.encode()).hexdigest()
