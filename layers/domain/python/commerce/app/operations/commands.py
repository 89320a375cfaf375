"""Commands of operators."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from commerce.shared.schemas import Command, line

MessageIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=100)]],
    Field(min_length=1, max_length=100),
]
ALL: Literal["all"] = "all"


class _Selection(Command):
    """`message_ids` is required: a list, or "all"."""

    message_ids: MessageIds | Literal["all"]

    @property
    def ids(self) -> Sequence[str]:
        """The selected message ids; empty for all."""
        return () if self.message_ids == ALL else self.message_ids


class Redrive(_Selection):
    """Send dead letters back to their queue: the given ones, or all."""


class Discard(_Selection):
    """Delete dead letters: the given ones, or all. The audit keeps them with the reason."""

    reason: Annotated[str, line(500), Field(examples=["Settled by telephone"])]
