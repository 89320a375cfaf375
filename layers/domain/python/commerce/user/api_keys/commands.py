"""The commands of API keys."""

from typing import Annotated

from pydantic import Field

from commerce.shared.schemas import Command, Moment, line
from commerce.user.staff.commands import Scopes


class CreateApiKey(Command):
    """Make a key for a machine."""

    name: Annotated[str, line(100), Field(examples=["Warehouse"])]
    scopes: Scopes
    expires_at: Moment | None = Field(None, description="A year from now where there is none")
