"""Persons, as drops know them: by the address of an account, or by the shop's own identity hook.

The hook is a function that the shop adds to the domain layer and names in IDENTITY_HOOK as
`module:function`. It is called before the entry's transaction holds any lock, and so may ask a
service; the function's time-out bounds it.
"""

import hmac
from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias
from uuid import UUID

from commerce.runtime import settings
from commerce.user.addresses import normalized

IdentityHook: TypeAlias = Callable[[UUID, str], str | None]
"""Takes a user's id and e-mail address; returns what names the person, or None if it is unknown."""


def person_of(user_id: UUID, email: str) -> str | None:
    """Return the keyed hash by which a person enters a drop once.

    It is made from what the identity hook returns, else from the e-mail address: addresses that the
    accounts take for one are one person's. None where the hook does not know the person.
    """
    name = settings.text("IDENTITY_HOOK", "")
    if not name:
        return _hashed(normalized(email))
    identity = _hook(name)(user_id, email)
    return _hashed(f"identity\n{identity}") if identity else None


def _hook(name: str) -> IdentityHook:
    module, _, function = name.partition(":")
    hook: IdentityHook = getattr(import_module(module), function)
    return hook


def _hashed(text: str) -> str:
    return hmac.new(settings.fingerprint_key(), text.encode(), "sha256").hexdigest()
