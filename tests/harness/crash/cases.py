"""What a use case is to the harness, and what most of them begin with and answer."""

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
    """What one run of a scenario is about: ids and words that nobody else has."""

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
    """Once: what was answered."""
    ends_with: frozenset[str]
    """What is answered, in the end, to who asks again and again."""
    takes_new_key_on_retry: bool = False
    """Whether a payment may be begun once more because the first try surely came to nothing."""
    is_never_retried: bool = False
    """Whether nobody asks again, whatever the answer is."""
    records_views: bool = False
    """Whether it tells what may be lost, and is never told twice."""
    at: datetime | None = None
    """When it happens, where the hour matters: the shop's clock stands still then."""
    mends: Callable[[Case], object] = nothing
    """What passes with time, before anybody asks again: it has passed."""
    then: Callable[[Case], object] = nothing
    """What others do when it is done."""
    look: Callable[[Case], object] = nothing
    """What came of it that no other use case has."""


def a_case(*, stock: int = 5, points: int = 0, stripes: int = 1, **more: Any) -> Case:
    """A buyer, an admin, and a product whose card is kept, perhaps with stripes."""
    case = Case(a_buyer(points), an_admin(), a_product(stock, PRICE), a_key(), **more)
    if stripes > 1:
        set_stripes(case.product, stripes)
    catalogue().cards([case.product])  # kept by the cache, so that changes have to reach it
    return case


def ordered(*, stock: int = 5, stripes: int = 1) -> Case:
    """Somebody has bought two units by points."""
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
    """An admin calls the order off."""
    return answered(cancel_as_admin(case.admin, case.order))


# --- queues and clocks --------------------------------------------------------------------------


def consume(name: str, envelope: Mapping[str, Any], receive_count: int = 1) -> str:
    """Hand a consumer one event, as its queue does."""
    message = sqs_event(bus_message(envelope), receive_count=receive_count)
    answer = function(name)(message, lambda_context(60))
    return AGAIN if answer["batchItemFailures"] else DONE


def consuming(name: str) -> Callable[[Case], str]:
    """A consumer is handed the case's event."""
    return lambda case: consume(name, case.words["envelope"])


def nudged(name: str) -> Callable[[Case], str]:
    """A function is told to look what there is to do."""

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
    """The case with the newest event of a type that its order or its payments have told."""
    found = [*map(dict, events_of(case.order)), *events_of_payments(case.order)]
    newest = [each for each in found if each["type"] == type_][-1]
    return replace(case, words={**case.words, "envelope": newest})
