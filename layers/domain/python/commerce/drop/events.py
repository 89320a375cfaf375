"""The events of drops. They hold ids and times, and no personal data."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.schemas import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class DropEvent(Event):
    """An event of one drop."""

    source: ClassVar[str] = "commerce.drop"

    drop_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPublished(DropEvent):
    """The terms of a drop are fixed, and public."""

    terms_hash: str
    beacon_round: int
    entries_at: Moment
    draws_at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class DropSealed(DropEvent):
    """The pool is frozen: its root was told before the beacon's round."""

    entries_count: int
    entries_root: str
    beacon_round: int
    sealed_at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class DropDrawn(DropEvent):
    """The pool has its positions; `signature` is the beacon's for its round."""

    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade(Event):
    """An entry was offered a unit until `claim_until`. An aggregate of its own: the entry."""

    source: ClassVar[str] = "commerce.drop"

    drop_id: UUID
    entry_id: UUID
    product_id: UUID
    user_id: UUID
    claim_until: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferReleased(Event):
    """A unit that an entry held became free again. An aggregate of its own: the entry."""

    source: ClassVar[str] = "commerce.drop"

    drop_id: UUID
    entry_id: UUID
    product_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DropClosed(DropEvent):
    """Every unit is bought or went back to the stock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropCancelled(DropEvent):
    """The drop was cancelled; entries without an order are void."""

    reason: str
