"""The answer: the things that were found, and the kinds that were searched."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from commerce.app.operations.timeline_entries import TimelineEntryView
from commerce.shared.schemas import Timestamp, View, one_of
from commerce.shared.scopes import Scope

SCOPES: Mapping[str, Scope] = {
    "ORDER": Scope.ORDERS_READ,
    "PAYMENT": Scope.ORDERS_READ,
    "CHARGE": Scope.ORDERS_READ,
    "RETURN": Scope.ORDERS_READ,
    "REFUND": Scope.ORDERS_READ,
    "USER": Scope.USERS_READ,
    "PRODUCT": Scope.CATALOGUE,
    "BRAND": Scope.CATALOGUE,
    "COUPON": Scope.COUPONS,
    "ISSUED_COUPON": Scope.COUPONS,
    "DROP": Scope.DROPS,
    "DROP_ENTRY": Scope.DROPS,
    "EVENT": Scope.OPS,
    "DEAD_LETTER": Scope.OPS,
    "FAILING_MESSAGE": Scope.OPS,
    "DISCARDED_MESSAGE": Scope.OPS,
    "TRACE": Scope.OPS,
}
"""The kinds of things that are found, each with the scope that may see it."""


class FoundView(View):
    """A thing that the text names, and the console's page of it."""

    kind: Annotated[str, one_of(SCOPES)]
    id: str
    state: str = Field(description="Its status, the type of an event, or the cause of a failure")
    at: Timestamp | None = Field(description="When it was made, or what its state says happened")
    order_id: str | None = Field(description="The order that it belongs to")
    user_id: str | None = Field(description="The user, erased or not, whose order or payment it is")
    link: str | None = Field(
        description="What follows /console# where the console shows it; null where it does not",
        examples=["order=0198c0de-0000-7000-8000-000000000004"],
    )


class NotSearchedView(View):
    """A kind that was not looked for, and the scope that it takes."""

    kind: Annotated[str, one_of(SCOPES)]
    scope: Annotated[str, one_of(Scope)]


class FindView(View):
    """The things that one text may mean, as far as the caller's scopes go.

    `entries` has a trace's events, acts and log lines, the oldest first. `is_complete` is false
    where queues or log could not be searched in time, or have more than is shown.
    """

    text: str = Field(description="What was looked for: without quotes, brackets or a link before")
    found: list[FoundView]
    entries: list[TimelineEntryView]
    searched: list[str] = Field(description="The kinds that were looked for")
    not_searched: list[NotSearchedView]
    notes: list[str] = Field(description="What is not kept, in words")
    is_complete: bool
