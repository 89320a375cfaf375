"""What one may ask of the brand context."""

from typing import Annotated

from pydantic import Field

from commerce.shared.shapes import Command


class RegisterBrand(Command):
    """A brand to be sold."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S", examples=["Acme"])]
    description: Annotated[str, Field(max_length=2000, examples=["Everything a coyote needs"])] = ""
