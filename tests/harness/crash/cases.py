"""Use cases as the harness sees them, and what most of them begin with and answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError

from commerce.app.catalogue import catalogue
from commerce.shared.errors import Busy, Unavailable
from tests.support.lambda_calls import (
    Answer,
    bus_message,
    function,
    lambda_context,
    sqs_event,
)
from tests.support.orders import cancel_as_admin, events_of, place
from tests.support.payments import events_of_payments
from tests.support.shop import Person, a_buyer, a_key, a_product, an_admin, set_stripes

PRICE = 1_000
DONE, AGAIN = "done", "again"
CREATED, OK, QUEUE = frozenset({"201"}), frozenset({"200"}), frozenset({DONE})


@dataclass(frozen=True, slots=True)
class Case:
    """The ids and texts of one run of a scenario, which no other run uses."""

    buyer: Person
    admin: Person
    product: str
    key: str
    coupon: str = ""
    order: str = ""
    words: Mapping[str, Any] = field(default_factory=dict)


def nothing(_: Case) -> None:
    """Nothing is done, or seen."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A use case as its client, its queue, its clock or its operator sees it."""

    name: str
    of: str
    """The function that is cut, as functions/ has it; or the command of an operator."""
    arrange: Callable[[], Case]
    act: Callable[[Case], str]
    """One call; returns its answer."""
    ends_with: frozenset[str]
    """The answers that a client may get in the end."""
    takes_new_key_on_retry: bool = False
    """True if a retry takes a new key where the first try certainly had no effect."""
    is_never_retried: bool = False
    """True if the call is made once, whatever its answer."""
    repeats: frozenset[str] = frozenset()
    """The events that a retry records again: without a key, a second request is a second one."""
    records_views: bool = False
    """True if the call publishes views, which may be lost but not repeated."""
    at: datetime | None = None
    """The time at which it happens, where that matters; the clock is frozen then."""
    mends: Callable[[Case], object] = nothing
    """Lets pass what takes time, before the retry."""
    then: Callable[[Case], object] = nothing
    """Actions of others after it is done."""
    look: Callable[[Case], object] = nothing
    """Reads an outcome that only this use case has."""


def a_case(*, stock: int = 5, points: int = 0, stripes: int = 1, **more: Any) -> Case:
    """A buyer, an admin and a product whose summary is cached, perhaps with stripes."""
    case = Case(a_buyer(points), an_admin(), a_product(stock, PRICE), a_key(), **more)
    if stripes > 1:
        set_stripes(case.product, stripes)
    catalogue().summaries([case.product])  # kept by the cache, so that changes have to reach it
    return case


def ordered(*, stock: int = 5, stripes: int = 1) -> Case:
    """A confirmed order of two units, paid with points."""
    case = a_case(points=5_000, stock=stock, stripes=stripes)
    answer = place(case.buyer, (case.product, 2))
    assert answer.status == 201, answer.json
    return replace(case, order=answer.json["order_id"])


def answered(answer: Answer, seen: Callable[[Any], object] | None = None) -> str:
    """The status, with what a reader saw, or with the code of the refusal."""
    if answer.status >= 400:
        return f"{answer.status} {answer.json['code']}"
    return str(answer.status) if seen is None else f"{answer.status} {seen(answer.json)}"


def cancelled_by_an_admin(case: Case) -> str:
    """Cancel the case's order as an admin."""
    return answered(cancel_as_admin(case.admin, case.order))


# --- queues and clocks --------------------------------------------------------------------------


def consume(name: str, envelope: Mapping[str, Any], receive_count: int = 1) -> str:
    """Deliver one event to a consumer, as its queue does."""
    message = sqs_event(bus_message(envelope), receive_count=receive_count)
    answer = function(name)(message, lambda_context(60))
    return AGAIN if answer["batchItemFailures"] else DONE


def consuming(name: str) -> Callable[[Case], str]:
    """Return a call that delivers the case's event to a consumer."""
    return lambda case: consume(name, case.words["envelope"])


def nudged(name: str) -> Callable[[Case], str]:
    """Return a call of a function that a nudge wakes."""

    def act(_: Case) -> str:
        answer = function(name)(sqs_event({"trace_id": "t"}), lambda_context(60))
        return AGAIN if answer["batchItemFailures"] else DONE

    return act


def by_clock(name: str, event: Callable[[Case], Any] = lambda _: {}) -> Callable[[Case], str]:
    """A function that may raise what passes: the clock, or the state machine, calls it again."""

    def act(case: Case) -> str:
        try:
            function(name)(event(case), lambda_context(60))
        except (Unavailable, Busy, BotoCoreError):
            return AGAIN
        return DONE

    return act


def with_newest_event(case: Case, type_: str) -> Case:
    """Return the case with the newest event of a type of its order or its payments."""
    found = [*map(dict, events_of(case.order)), *events_of_payments(case.order)]
    newest = [each for each in found if each["type"] == type_][-1]
    return replace(case, words={**case.words, "envelope": newest})
