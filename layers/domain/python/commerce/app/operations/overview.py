"""What is wrong now: events that wait, orders that are stuck, payments without an end, the breaker.

As the books are proved, it is read by statements that ask no facade and import no table, all in one
round trip and each by an index: a page that is looked at every 15 seconds must cost nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from commerce.app.checkout.gateway import payment_breaker
from commerce.app.messaging import relay
from commerce.payment import State
from commerce.payment import Status as PaymentStatus
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.messaging import quarantine as set_aside
from commerce.shared import clock
from commerce.shared.schemas import MoneyView, Timestamp, View, one_of

DAY = timedelta(days=1)
EXPIRES_WITHIN = timedelta(minutes=2)  # the schedule that expires orders comes every minute
TOLD_WITHIN = timedelta(minutes=5)  # a notice's three tries take about three
SHIPPED_WITHIN = timedelta(days=1)
DELIVERED_WITHIN = timedelta(days=14)
ENDED_WITHIN = timedelta(minutes=5)  # SPEC §9: of payments
COUNTED = 10_000  # more are not counted
LISTED = 20  # of each kind

STATES = ("PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED")
PROBLEMS = {
    "NOT_EXPIRED": "It was not paid in time, and is still waiting.",
    "NOT_TOLD": "It is confirmed, and the delivery system was not told.",
    "NOT_SHIPPED": "It is confirmed for more than a day, and not shipped.",
    "NOT_WITHDRAWN": "It is cancelled, and the delivery system was not told that.",
    "NOT_DELIVERED": "It is shipped for more than two weeks, and not delivered.",
}

_PLACED = """
SELECT status, count(*) AS placed FROM orders WHERE id >= CAST($1 AS uuid) GROUP BY status
"""
_OPEN = f"""
SELECT
    (SELECT count(*) FROM (SELECT FROM orders WHERE status = 'PENDING' LIMIT {COUNTED}) AS one)
        AS pending,
    (SELECT count(*) FROM (SELECT FROM orders WHERE status = 'CONFIRMED' LIMIT {COUNTED}) AS two)
        AS confirmed,
    (SELECT count(*) FROM (SELECT FROM orders WHERE status = 'SHIPPED' LIMIT {COUNTED}) AS three)
        AS shipped
"""  # noqa: S608
_NOT_EXPIRED = f"""
SELECT id AS order_id, status, 'NOT_EXPIRED' AS problem, expires_at AS since
FROM orders WHERE status = 'PENDING' AND expires_at < CAST($1 AS timestamptz)
ORDER BY expires_at LIMIT {LISTED}
"""  # noqa: S608
_NOT_TOLD = f"""
SELECT orders.id AS order_id, orders.status, 'NOT_TOLD' AS problem, confirmed.at AS since
FROM orders CROSS JOIN LATERAL (
    SELECT max(at) AS at FROM order_history WHERE order_id = orders.id AND status = 'CONFIRMED'
) AS confirmed
WHERE orders.status = 'CONFIRMED' AND orders.id >= CAST($1 AS uuid)
    AND confirmed.at < CAST($2 AS timestamptz)
    AND NOT EXISTS (
        SELECT FROM shipment_notice WHERE order_id = orders.id AND kind = 'ORDER')
ORDER BY orders.id LIMIT {LISTED}
"""  # noqa: S608
_NOT_WITHDRAWN = f"""
SELECT orders.id AS order_id, orders.status, 'NOT_WITHDRAWN' AS problem, cancelled.at AS since
FROM orders JOIN shipment_notice AS told ON told.order_id = orders.id AND told.kind = 'ORDER'
CROSS JOIN LATERAL (
    SELECT max(at) AS at FROM order_history WHERE order_id = orders.id AND status = 'CANCELLED'
) AS cancelled
WHERE orders.status = 'CANCELLED' AND orders.id >= CAST($1 AS uuid)
    AND cancelled.at < CAST($2 AS timestamptz)
    AND NOT EXISTS (
        SELECT FROM shipment_notice WHERE order_id = orders.id AND kind = 'WITHDRAWAL')
ORDER BY orders.id LIMIT {LISTED}
"""  # noqa: S608
_NOT_SHIPPED = f"""
SELECT id AS order_id, status, 'NOT_SHIPPED' AS problem, placed_at AS since
FROM orders WHERE status = 'CONFIRMED' AND id < CAST($1 AS uuid) ORDER BY id LIMIT {LISTED}
"""  # noqa: S608
_NOT_DELIVERED = f"""
SELECT id AS order_id, status, 'NOT_DELIVERED' AS problem, placed_at AS since
FROM orders WHERE status = 'SHIPPED' AND id < CAST($1 AS uuid) ORDER BY id LIMIT {LISTED}
"""  # noqa: S608
_WITHOUT_END = f"""
SELECT id AS payment_id, order_id, status, amount, currency, transaction_key, changed_at, asked_at
FROM payment WHERE status IN ('REQUESTED', 'PENDING', 'REFUND_PENDING')
ORDER BY asked_at, id LIMIT {5 * LISTED}
"""  # noqa: S608


class QuarantinedEventView(View):
    """An event that the bus can never take."""

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
    """How many orders are in a state now (10,000 at most; null for its end), and of a day's."""

    status: Annotated[str, one_of(STATES)]
    now: int | None
    placed_within_a_day: int


class StuckOrderView(View):
    """An order that does not go on as it should, and since when."""

    order_id: str
    status: Annotated[str, one_of(STATES)]
    problem: Annotated[str, one_of(PROBLEMS)]
    meaning: str
    since: Timestamp


class WaitingPaymentView(View):
    """A payment that waits for its result or refund; late after five minutes."""

    payment_id: str
    order_id: str
    status: Annotated[str, one_of(PaymentStatus)]
    amount: MoneyView
    transaction_key: str | None
    since: Timestamp
    asked_at: Timestamp
    late: bool


class BreakerView(View):
    """How the circuit breaker before the payment gateway stands.

    `state` is unknown where Valkey does not answer: then every request is let through.
    """

    state: Annotated[str, one_of([*State, "unknown"])]
    since: Timestamp | None
    calls: int
    failed: int
    causes: list[str]


class OverviewView(View):
    """What is wrong now."""

    at: Timestamp
    outbox: OutboxView
    orders: list[StateView]
    stuck_orders: list[StuckOrderView]
    payments: list[WaitingPaymentView]
    breaker: BreakerView


def overview() -> OverviewView:
    """Look at everything."""
    now = clock.now()
    day_ago = clock.first_id_at(now - DAY)
    told_by = now - TOLD_WITHIN
    placed, [still], payments, *stuck = UnitOfWork(database()).read_together(
        Query(_PLACED, [day_ago]),
        Query(_OPEN),
        Query(_WITHOUT_END),
        Query(_NOT_EXPIRED, [now - EXPIRES_WITHIN]),
        Query(_NOT_TOLD, [day_ago, told_by]),
        Query(_NOT_WITHDRAWN, [day_ago, told_by]),
        Query(_NOT_SHIPPED, [clock.first_id_at(now - SHIPPED_WITHIN)]),
        Query(_NOT_DELIVERED, [clock.first_id_at(now - DELIVERED_WITHIN)]),
    )
    return OverviewView(
        at=now,
        outbox=_outbox(now),
        orders=_states(placed, still),
        stuck_orders=[_stuck(row) for rows in stuck for row in rows],
        payments=[_payment(row, now) for row in payments],
        breaker=_breaker(),
    )


def _outbox(now: datetime) -> OutboxView:
    waiting = relay().waiting()
    kept = set_aside.find(database(), LISTED) if waiting.quarantined else []
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
            for each in kept
        ],
    )


def _states(placed: Sequence[Row], still: Row) -> list[StateView]:
    of_the_day = {row.status: row.placed for row in placed}
    return [
        StateView(
            status=status,
            now=getattr(still, status.lower(), None),
            placed_within_a_day=of_the_day.get(status, 0),
        )
        for status in STATES
    ]


def _stuck(row: Row) -> StuckOrderView:
    return StuckOrderView(
        order_id=str(row.order_id),
        status=row.status,
        problem=row.problem,
        meaning=PROBLEMS[row.problem],
        since=row.since,
    )


def _payment(row: Row, now: datetime) -> WaitingPaymentView:
    return WaitingPaymentView(
        payment_id=str(row.payment_id),
        order_id=str(row.order_id),
        status=row.status,
        amount=MoneyView(amount=row.amount, currency=row.currency),
        transaction_key=row.transaction_key,
        since=row.changed_at,
        asked_at=row.asked_at,
        late=now - row.changed_at > ENDED_WITHIN,
    )


def _breaker() -> BreakerView:
    standing = payment_breaker().snapshot()
    if standing is None:
        return BreakerView(state="unknown", since=None, calls=0, failed=0, causes=[])
    return BreakerView(
        state=standing.state.value,
        since=standing.since,
        calls=standing.calls,
        failed=standing.failed,
        causes=list(standing.causes),
    )
