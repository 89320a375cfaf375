"""The commands of staff."""

from typing import Annotated

from pydantic import Field

from commerce.shared.schemas import Command, prose
from commerce.shared.scopes import Scope

Scopes = Annotated[
    list[Annotated[Scope, Field(strict=False)]],
    Field(min_length=1, max_length=len(Scope), examples=[["stock", "orders:read"]]),
]


class SetScopes(Command):
    """Grant a user these scopes, and no others."""

    scopes: Scopes


class SuspendUser(Command):
    """Suspend a user, for a reason that staff can read."""

    reason: Annotated[str, prose(500), Field(examples=["Uses stolen cards"])]
