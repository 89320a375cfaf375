"""Commands of operators."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from commerce.runtime.messaging.dead_letters import MAX_KIND_CHARACTERS
from commerce.shared.schemas import Command, Moment, Quantity, Reason, line

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


MAX_CAUSE_CHARACTERS = 300
KindFilter = Annotated[str, Field(min_length=1, max_length=MAX_KIND_CHARACTERS)]
CauseFilter = Annotated[str, line(MAX_CAUSE_CHARACTERS)]
KIND_FILTER: Any = Field(None, description="Only those of this kind")
CAUSE_FILTER: Any = Field(
    None, description="Only those whose cause has this text, in capitals or not"
)


class Redrive(_Selection):
    """Send dead letters back to their queue: the given ones, or all; of one kind or cause."""

    kind: KindFilter | None = KIND_FILTER
    cause: CauseFilter | None = CAUSE_FILTER
    rate: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="How many a second, at most"
    )


class KindLimit(Command):
    """At most so many dead letters of one kind."""

    kind: Annotated[str, Field(min_length=1, max_length=MAX_KIND_CHARACTERS)]
    count: Quantity


class Discard(_Selection):
    """Delete dead letters: the given ones, or all. The audit keeps them with the reason.

    With `kinds`, those only that somebody has counted: of each kind at most so many, and none of
    another, so that what has come since stays.
    """

    reason: Annotated[Reason, Field(examples=["Settled by telephone"])]
    kinds: Annotated[list[KindLimit], Field(min_length=1, max_length=100)] | None = None

    @property
    def limits(self) -> dict[str, int] | None:
        """The most of each kind; None for no bound."""
        return None if self.kinds is None else {each.kind: each.count for each in self.kinds}


class SyncPayment(Command):
    """Settle or refund a payment by the gateway's record."""

    reason: Annotated[Reason, Field(examples=["The buyer was charged, says their bank"])] | None = (
        None
    )


class ResendNotice(Command):
    """Send the delivery system what it is to know of an order, again if it was sent before."""

    reason: Annotated[Reason, Field(examples=["The delivery system lost a day of notices"])]


class DiscardEvent(Command):
    """Delete a quarantined event. The audit keeps it with the reason."""

    reason: Annotated[Reason, Field(examples=["The order was shipped by telephone"])]


class Restore(Command):
    """Send discarded messages to their queue again, or give the relay discarded events again."""

    message_ids: MessageIds


class AcknowledgeAlert(Command):
    """Say who looks after an alert, and what they know; the alert stays shown."""

    note: Annotated[str, line(500), Field(examples=["The carrier repairs it, call at 10:00"])]


class SilenceAlert(Command):
    """Hide an alert from what the console counts as wrong until then, seven days at most.

    Null ends a silence.
    """

    until: Moment | None
    reason: Annotated[Reason, Field(examples=["The mail provider is down until noon"])]
