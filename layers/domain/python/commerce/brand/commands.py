"""What one may ask of the brand context."""

from typing import Annotated

from pydantic import Field

from commerce.shared.shapes import Command, Line, Prose


class RegisterBrand(Command):
    """A brand to be sold."""

    name: Annotated[Line, Field(max_length=100, examples=["Acme"])]
    description: Annotated[
        Prose, Field(max_length=2000, examples=["Everything a coyote needs"])
    ] = ""
