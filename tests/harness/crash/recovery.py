"""Recovery after a cut: run the background work until nothing waits, then check the outcome."""

import json
import os
import time
from collections import Counter
from functools import cache
from typing import Any
from uuid import UUID

from commerce.app.catalogue import catalogue
from commerce.ranking import Period, Window
from commerce.ranking.boards import Keys
from commerce.runtime import business_time
from commerce.runtime.aws import client
from commerce.runtime.cache.valkey import strict_valkey
from commerce.shared import clock
from infra.template import functions, read_template, resources
from tests.harness.crash.cases import Case, Scenario
from tests.harness.crash.simulators import notices, transactions
from tests.support.lambda_calls import bus_message, function, lambda_context, sqs_event
from tests.support.payments import reconcile
from tests.support.shop import assert_books_hold, rows

PATIENCE_SECONDS = 120  # until it is stuck, on the busiest machine
PAUSE_SECONDS = 0.05

_SQL_OF_PRODUCT = {
    "stock": """
        SELECT stock.quantity + coalesce(sum(stock_stripe.quantity), 0)
        FROM stock LEFT JOIN stock_stripe USING (product_id)
        WHERE product_id = $1 GROUP BY stock.quantity""",
    "stripes": "SELECT count(*) FROM stock_stripe WHERE product_id = $1",
    "on hand": "SELECT on_hand, allotted FROM stock WHERE product_id = $1",
    "stock movements": """
        SELECT change, on_hand_change, reason FROM stock_movement
        WHERE product_id = $1 ORDER BY 3, 1, 2""",
    "likes": "SELECT count(*) FROM product_like WHERE product_id = $1",
    "like count": "SELECT like_count, price_amount FROM product WHERE id = $1",
    "metrics": """
        SELECT CAST(sum(views) AS bigint), CAST(sum(likes) AS bigint), CAST(sum(orders) AS bigint),
            CAST(sum(units) AS bigint), CAST(sum(amount) AS bigint)
        FROM product_metrics_daily WHERE product_id = $1""",
}
_SQL_OF_BUYER = {
    "balance": "SELECT balance FROM point_account WHERE user_id = $1",
    "ledger": "SELECT amount, reason FROM point_ledger WHERE user_id = $1 ORDER BY 1, 2",
    "orders": """
        SELECT status, total_amount, discount_amount, points_used_amount
        FROM orders WHERE buyer_id = $1 ORDER BY 1""",
    "history": """
        SELECT order_history.status FROM order_history JOIN orders ON orders.id = order_id
        WHERE buyer_id = $1 ORDER BY order_id, position""",
    "copies": """
        SELECT used_by_order IS NOT NULL FROM issued_coupon WHERE user_id = $1 ORDER BY 1""",
    "points charged": """
        SELECT status, amount FROM point_charge WHERE user_id = $1 AND status <> 'FAILED'""",
    "money kept": """
        SELECT status, amount FROM payment
        WHERE buyer_id = $1 AND status IN ('SUCCEEDED', 'REFUNDED') ORDER BY 1""",
    "notices recorded": """
        SELECT kind FROM shipment_notice JOIN orders ON orders.id = order_id
        WHERE buyer_id = $1 ORDER BY 1""",
}
_views_received: Counter[str] = Counter()  # how often each event came, in this process
_OF_A_TRY = ("PaymentRequested", "PaymentFailed")  # one of each, for each try to pay


def run_until_idle(case: Case, since: int) -> None:
    """Run relay, queues and reconciler until nothing waits."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        function("outbox/every_minute_relay")({}, lambda_context(60))
        delivered = _deliver()
        reconcile()
        waiting = _waiting(case, since)
        if not waiting:
            return  # the queue was emptied, and handling it recorded no new event
        if time.monotonic() > deadline:
            raise AssertionError(f"it is not idle: {waiting}")
        if not delivered:
            time.sleep(PAUSE_SECONDS)


def is_unpaid(case: Case) -> bool:
    """Return whether the order is still unpaid, or each charge failed: its client pays again."""
    sql = """
        SELECT 1 FROM orders WHERE CAST(id AS text) = $1 AND status = 'PENDING'
        UNION ALL
        SELECT 1 FROM point_charge WHERE user_id = $2
        GROUP BY user_id HAVING bool_and(status = 'FAILED')
    """
    return bool(rows(sql, case.order, case.buyer.user_id))


def facts(scenario: Scenario, case: Case, since: int) -> dict[str, Any]:
    """Read the outcome of a case from every place that a use case changes."""
    found: dict[str, Any] = {
        name: [tuple(row) for row in rows(sql, case.product)]
        for name, sql in _SQL_OF_PRODUCT.items()
    }
    found |= {
        name: [tuple(row) for row in rows(sql, case.buyer.user_id)]
        for name, sql in _SQL_OF_BUYER.items()
    }
    recorded = Counter(
        row.type for row in rows("SELECT type FROM outbox WHERE position > $1", since)
    )
    if scenario.takes_new_key_on_retry:
        for type_ in _OF_A_TRY:
            recorded.pop(type_, None)
    found["events"] = {
        name: 1 if name in scenario.repeats else times for name, times in sorted(recorded.items())
    }
    found["users"] = len(rows("SELECT 1 FROM user_account WHERE login_id = $1", case.key[:10]))
    orders = [str(each.id) for each in rows(_ORDERS, case.buyer.user_id)]
    charges = [str(each.id) for each in rows(_CHARGES, case.buyer.user_id)]
    charged = [
        each
        for subject in (*orders, *charges)
        for each in transactions(subject)
        if each["charged_at"]
    ]
    found["charges"] = [(each["amount"], each["refunded_at"] is not None) for each in charged]
    found["notices"] = [notices(order) for order in orders]
    found["score"] = _score(case.product)
    found["card"] = [
        (each.price.amount, each.like_count)
        for each in catalogue().summaries([case.product]).values()
    ]
    if scenario.records_views:
        found["views published twice"] = [
            id_ for id_, times in _views_received.items() if times > 1
        ]
        del found["metrics"], found["score"]
    found["seen"] = scenario.look(case)
    return found


_SET_ASIDE = "SELECT count(*) AS n FROM outbox_set_aside WHERE type <> 'Poison'"
_UNFINISHED = """
    SELECT count(*) AS n FROM payment
    WHERE buyer_id = $1 AND status IN ('REQUESTED', 'PENDING', 'REFUND_PENDING')
"""
_CHARGES = "SELECT id FROM point_charge WHERE user_id = $1 ORDER BY id"
_ORDERS = "SELECT id FROM orders WHERE buyer_id = $1 ORDER BY id"


def problems(case: Case) -> list[str]:
    """Check what must hold after every use case: the books, and no unfinished work."""
    found = [
        f"{name}: {number}"
        for name, number in {
            "events set aside": rows(_SET_ASIDE)[0].n,
            "connections left in a transaction": rows(_IDLE)[0].n,
        }.items()
        if number
    ]
    coupons = [case.coupon] if case.coupon else []
    try:
        assert_books_hold(case.product, users=[case.buyer.user_id], coupons=coupons)
    except AssertionError as broken:
        found.append(f"the books do not hold: {broken}")
    return found


def wait_for_locks() -> None:
    """Wait until there is no other connection, and so no lock."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while others := rows(_OTHERS):
        if time.monotonic() > deadline:
            raise AssertionError(f"a connection is left, perhaps with locks: {others}")
        time.sleep(PAUSE_SECONDS / 5)


_OTHERS = """
    SELECT pid, state, left(query, 80) AS query FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
        AND pid <> pg_backend_pid()
"""
_IDLE = """
    SELECT count(*) AS n FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%'
"""


def _waiting(case: Case, since: int) -> dict[str, int]:
    events = rows(
        "SELECT count(*) AS n FROM outbox WHERE published_at IS NULL AND position > $1", since
    )
    payments = rows(_UNFINISHED, case.buyer.user_id)
    found = {"events": int(events[0].n), "payments": int(payments[0].n)}
    return {name: number for name, number in found.items() if number}


def _deliver() -> int:
    """Deliver every message to each consumer of its type until it succeeds; returns the count."""
    sqs, url, delivered = client("sqs"), os.environ["CRASH_QUEUE_URL"], 0
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            envelope = json.loads(message["Body"])["detail"]
            if envelope["type"] == "ProductViewed":
                _views_received[envelope["id"]] += 1
            _consume(envelope)
        sqs.delete_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
                for number, each in enumerate(messages)
            ],
        )
        delivered += len(messages)
    return delivered


def _consume(envelope: dict[str, Any]) -> None:
    for name, tries in consumers().get(envelope["type"], ()):
        for number in range(1, tries + 1):
            event = sqs_event(bus_message(envelope), receive_count=number)
            if not function(name)(event, lambda_context(60))["batchItemFailures"]:
                break
        else:
            raise AssertionError(f"a dead letter: {name} does not consume {envelope}")


@cache
def triggers() -> dict[str, str]:
    """Return the trigger of each function by its name: http, sqs, schedule, or direct."""
    return {
        _name(each.handler): each.trigger
        for each in functions(read_template())
        if each.source.parts[0] == "functions"
    }


def _name(handler: str) -> str:
    return handler.rpartition(".")[0].replace(".", "/")


@cache
def consumers() -> dict[str, list[tuple[str, int]]]:
    """By type of event: its consumers, and how often each may try.

    As the template has it, so that a new consumer is here by itself.
    """
    template = read_template()
    queues = resources(template, "AWS::CloudFormation::Stack")
    found: dict[str, list[tuple[str, int]]] = {}
    for each in functions(template):
        name = _name(each.handler)
        for event in each.events.values():
            if event["Type"] != "SQS":
                continue
            queue = queues[event["Properties"]["Queue"]["Fn::GetAtt"][0]]["Parameters"]
            for type_ in filter(None, str(queue.get("DetailTypes", "")).split(",")):
                found.setdefault(type_, []).append((name, int(queue.get("MaxReceiveCount", 5))))
    return found


def _score(product_id: str) -> float | None:
    today = Window.containing(Period.DAILY, clock.now(), business_time.zone())
    key = Keys.of(today).board
    score = strict_valkey().run(lambda server: server.zscore(key, str(UUID(product_id))))
    return None if score is None else round(float(score), 6)
