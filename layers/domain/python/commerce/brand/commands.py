"""Commands of the brand context."""

from typing import Annotated, Any

from pydantic import Field

from commerce.shared.schemas import Command, Patch, line, prose

Name = Annotated[str, line(100), Field(examples=["Acme"])]
Description = Annotated[str, prose(2000), Field(examples=["Everything a coyote needs"])]


class RegisterBrand(Command):
    """A brand to be sold."""

    name: Name
    description: Description = ""


class EditBrand(Patch):
    """A merge patch: absent fields stay as they are. `version` is the one that was seen."""

    name: Name = ""
    description: Description = ""
    version: int | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True, exclude={"version"})
