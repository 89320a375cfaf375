"""What an operator may ask for."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from commerce.shared.schemas import Command, Line

MessageIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=100)]],
    Field(min_length=1, max_length=100),
]
ALL: Literal["all"] = "all"


class _Chosen(Command):
    """Which dead letters: all is never meant by saying nothing."""

    message_ids: MessageIds | Literal["all"]

    @property
    def ids(self) -> Sequence[str]:
        """The ids that are named; empty for all."""
        return () if self.message_ids == ALL else self.message_ids


class Redrive(_Chosen):
    """Send dead letters back to their queue: those named, or all."""


class Discard(_Chosen):
    """Delete dead letters, those named, or all; the audit keeps them, with the reason."""

    reason: Annotated[Line, Field(max_length=500, examples=["Told by telephone"])]
