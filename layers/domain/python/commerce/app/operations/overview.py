"""The overview: the books, waiting events, stuck orders, unfinished payments, the breaker."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from commerce.app.checkout.gateway import payment_breaker
from commerce.app.checkout.payment_reconciler import UNKNOWN_FOR
from commerce.app.messaging import relay
from commerce.app.operations.harm import by_harm, is_urgent
from commerce.app.reconciliation.runs import BooksView, books_view
from commerce.payment import State
from commerce.payment import Status as PaymentStatus
from commerce.runtime import settings
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.messaging import failing, quarantine
from commerce.runtime.messaging.failing import Failing
from commerce.shared import clock
from commerce.shared.schemas import MoneyView, Timestamp, View, one_of

if TYPE_CHECKING:
    from commerce.app.operations import statements as sql
else:
    sql = precompiled("commerce.app.operations.statements")

DAY = timedelta(days=1)
EXPIRED_WITHIN = timedelta(minutes=2)  # the schedule that expires orders runs every minute
NOTIFIED_WITHIN = timedelta(minutes=5)  # a notice's three tries take about three
SHIPPED_WITHIN = timedelta(days=1)
DELIVERED_WITHIN = timedelta(days=14)
MAX_COUNTED = 10_000
MAX_FAILING = 1_000  # messages that are read to count them by queue
MAX_LISTED = 20  # of each kind of problem; of payments five times as many

STATES = ("PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED")
PROBLEMS = {
    "NOT_EXPIRED": "It was not paid in time and is still pending.",
    "NOT_TOLD": "It is confirmed, but the delivery system was not notified.",
    "NOT_SHIPPED": "It was confirmed more than a day ago and is not shipped.",
    "NOT_WITHDRAWN": "It is cancelled, but the delivery system was not notified of that.",
    "NOT_DELIVERED": "It was shipped more than two weeks ago and is not delivered.",
}


class QuarantinedEventView(View):
    """A quarantined event: the bus can never accept it."""

    event_id: str
    type: str
    aggregate_id: str
    trace_id: str
    cause: str
    occurred_at: Timestamp
    set_aside_at: Timestamp


class OutboxView(View):
    """Events on their way to the bus."""

    waiting: int
    oldest_age_seconds: int
    set_aside_count: int
    set_aside: list[QuarantinedEventView]


class StateView(View):
    """The number of orders with a status: of all, and of those placed within a day.

    `now` counts up to 10,000, and is null for a final status.
    """

    status: Annotated[str, one_of(STATES)]
    now: int | None
    placed_within_a_day: int


class StuckOrderView(View):
    """An order that is longer in its status than it should be, and since when."""

    order_id: str
    status: Annotated[str, one_of(STATES)]
    problem: Annotated[str, one_of(PROBLEMS)]
    meaning: str
    since: Timestamp


class WaitingPaymentView(View):
    """A payment without its result or refund; late after five minutes."""

    payment_id: str
    order_id: str | None
    charge_id: str | None
    status: Annotated[str, one_of(PaymentStatus)]
    amount: MoneyView
    transaction_key: str | None
    since: Timestamp
    asked_at: Timestamp
    late: bool


class OpeningView(View):
    """The last opening of the breaker: of `calls`, `failed` failed or were slow."""

    at: Timestamp
    calls: int
    failed: int
    causes: list[str]


class BreakerView(View):
    """The state of the circuit breaker around the payment gateway.

    `state` is unknown while Valkey does not answer: then every request is let through. `calls`,
    `failed` and `causes` are of the time since the last change.
    """

    state: Annotated[str, one_of([*State, "unknown"])]
    since: Timestamp | None
    calls: int
    failed: int
    causes: list[str]
    opening: OpeningView | None


class FailingView(View):
    """A queue of which messages fail and are tried again: how many, and the newest cause.

    `tries` is the most of one message; `since` is when the first of them failed first.
    """

    queue: str
    messages: int
    tries: int
    cause: str
    type: str
    since: Timestamp
    is_urgent: bool


class OverviewView(View):
    """The state of books, outbox, orders, payments and circuit breaker at one moment."""

    at: Timestamp
    books: BooksView
    failing: list[FailingView]
    outbox: OutboxView
    orders: list[StateView]
    stuck_orders: list[StuckOrderView]
    payments: list[WaitingPaymentView]
    breaker: BreakerView


def overview() -> OverviewView:
    """Read what is wrong now."""
    now = clock.now()
    day_ago = clock.first_id_at(now - DAY)
    notified_by = now - NOTIFIED_WITHIN
    shipped_by = clock.first_id_at(now - SHIPPED_WITHIN)
    delivered_by = clock.first_id_at(now - DELIVERED_WITHIN)
    problems = {
        "NOT_EXPIRED": sql.NOT_EXPIRED(before=now - EXPIRED_WITHIN, limit=MAX_LISTED),
        "NOT_TOLD": sql.NOT_NOTIFIED(since_id=day_ago, before=notified_by, limit=MAX_LISTED),
        "NOT_WITHDRAWN": sql.NOT_WITHDRAWN(since_id=day_ago, before=notified_by, limit=MAX_LISTED),
        "NOT_SHIPPED": sql.NOT_SHIPPED(before_id=shipped_by, limit=MAX_LISTED),
        "NOT_DELIVERED": sql.NOT_DELIVERED(before_id=delivered_by, limit=MAX_LISTED),
    }
    uow = UnitOfWork(database())
    placed, [open_], payments, *stuck = uow.read_together(
        sql.PLACED(since_id=day_ago),
        sql.OPEN(limit=MAX_COUNTED),
        sql.UNFINISHED_PAYMENTS(limit=5 * MAX_LISTED),
        *problems.values(),
    )
    return OverviewView(
        at=now,
        books=books_view(uow, now),
        failing=_failing(now),
        outbox=_outbox(now),
        orders=_states(placed, open_),
        stuck_orders=[
            _stuck(problem, row)
            for problem, rows in zip(problems, stuck, strict=True)
            for row in rows
        ],
        payments=[_payment(row, now) for row in payments],
        breaker=_breaker(),
    )


def _failing(now: datetime) -> list[FailingView]:
    stack = settings.text("RELAY_QUEUE_URL").rpartition("/")[2].removesuffix("outbox-nudge")
    by_queue: dict[str, list[Failing]] = {}
    for each in failing.find(now, MAX_FAILING):
        by_queue.setdefault(each.queue.removeprefix(stack), []).append(each)
    return [
        FailingView(
            queue=queue,
            messages=len(found),
            tries=max(each.tries for each in found),
            cause=found[0].cause,
            type=found[0].type,
            since=min(each.since for each in found),
            is_urgent=is_urgent(queue),
        )
        for queue, found in sorted(by_queue.items(), key=lambda each: by_harm(each[0]))
    ]


def _outbox(now: datetime) -> OutboxView:
    waiting = relay().waiting()
    quarantined = quarantine.find(database(), MAX_LISTED) if waiting.quarantined else []
    return OutboxView(
        waiting=waiting.count,
        oldest_age_seconds=round(waiting.age_seconds(now)),
        set_aside_count=waiting.quarantined,
        set_aside=[
            QuarantinedEventView(
                event_id=str(each.id),
                type=each.type,
                aggregate_id=str(each.aggregate_id),
                trace_id=each.trace_id,
                cause=each.cause,
                occurred_at=each.occurred_at,
                set_aside_at=each.set_aside_at,
            )
            for each in quarantined
        ],
    )


def _states(placed: Sequence[Row], open_: Row) -> list[StateView]:
    placed_by_status = {row.status: row.placed for row in placed}
    return [
        StateView(
            status=status,
            now=getattr(open_, status.lower(), None),
            placed_within_a_day=placed_by_status.get(status, 0),
        )
        for status in STATES
    ]


def _stuck(problem: str, row: Row) -> StuckOrderView:
    return StuckOrderView(
        order_id=str(row.order_id),
        status=row.status,
        problem=problem,
        meaning=PROBLEMS[problem],
        since=row.since,
    )


def _payment(row: Row, now: datetime) -> WaitingPaymentView:
    return WaitingPaymentView(
        payment_id=str(row.payment_id),
        order_id=str(row.order_id) if row.order_id else None,
        charge_id=str(row.charge_id) if row.charge_id else None,
        # A payment of which only a part goes back has succeeded.
        status="REFUND_PENDING" if row.status == "SUCCEEDED" else row.status,
        amount=MoneyView(amount=row.amount, currency=row.currency),
        transaction_key=row.transaction_key,
        since=row.changed_at,
        asked_at=row.asked_at,
        late=now - row.changed_at > UNKNOWN_FOR,
    )


def _breaker() -> BreakerView:
    snapshot = payment_breaker().snapshot()
    if snapshot is None:
        return BreakerView(state="unknown", since=None, calls=0, failed=0, causes=[], opening=None)
    return BreakerView(
        state=snapshot.state.value,
        since=snapshot.since,
        calls=snapshot.calls,
        failed=snapshot.failed,
        causes=list(snapshot.causes),
        opening=OpeningView.model_validate(snapshot.opening) if snapshot.opening else None,
    )
