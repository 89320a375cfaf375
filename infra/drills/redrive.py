"""Redrive many dead letters of real orders through the console's API, and deliver them."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from infra.drills.frame import Report, answered, environment

MOST_PER_SECOND = 100
SLOW_SHARE = 10  # one in so many is redriven at a rate
STOCK_PRICE = 1
TOO_FAST = 1.1  # times the rate


@dataclass(frozen=True, slots=True)
class Redriven:
    """One redrive, from its first part to its last."""

    ids: list[str]
    parts: int
    state: str
    sent: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Letters a second."""
        return len(self.ids) / self.seconds


def prove(report: Report, count: int) -> None:
    """Redrive `count` dead letters: none is lost, none sent twice, the queues are empty."""
    from tests.support.dead_letters import a_dead_queue
    from tests.support.delivery import a_delivery_system
    from tests.support.operations import settings_of
    from tests.support.queues import an_ops_topic

    dead = a_dead_queue()
    with ExitStack() as stack:
        delivery = stack.enter_context(a_delivery_system())
        stack.enter_context(
            environment(
                DELIVERY_URL=delivery.url,
                DELIVERY_SECRET=delivery.secret,
                OPS_TOPIC_ARN=an_ops_topic().arn,
                **settings_of(dead),
            )
        )
        orders = _confirmed_orders(report, count)
        slow = max(1, count // SLOW_SHARE)
        at_once = orders[slow:] or orders
        _redrive(report, dead, at_once, None)
        if at_once is not orders:
            _redrive(report, dead, orders[:slow], max(1, min(MOST_PER_SECOND, slow // 2)))
        _deliver(report, dead, delivery, orders)


def _confirmed_orders(report: Report, count: int) -> list[str]:
    from tests.support.orders import an_order
    from tests.support.shop import a_buyer, a_product

    began = time.monotonic()
    buyer, product = a_buyer(points=count * STOCK_PRICE), a_product(count, STOCK_PRICE)
    orders = [an_order(buyer, (product, 1)) for _ in range(count)]
    seconds = time.monotonic() - began
    report.check(
        "Orders are placed", f"{count} confirmed orders in {seconds:.0f} s, paid with points"
    )
    return orders


def _redrive(report: Report, dead: Any, orders: Sequence[str], rate: int | None) -> None:
    """Make the orders' messages dead letters, and redrive all of them as one act."""
    from tests.support.lambda_calls import bus_message

    confirmed = _confirmations()
    bodies = [json.dumps(bus_message(confirmed[each])) for each in orders]
    sent_ids = dead.fill(*bodies)
    done = _all_parts(rate)
    how = "at full speed" if rate is None else f"at {rate} a second"
    wrong = []
    if Counter(done.ids) != Counter(sent_ids):
        lost, twice = set(sent_ids) - set(done.ids), len(done.ids) - len(set(done.ids))
        wrong.append(f"{len(lost)} not sent, {twice} sent twice")
    if (done.state, done.sent) != ("DONE", len(sent_ids)):
        wrong.append(f"the act ended {done.state} with {done.sent} sent")
    if rate is not None and done.per_second > rate * TOO_FAST:
        wrong.append("faster than the rate")
    if left := len(dead.dead_letters()):
        wrong.append(f"{left} dead letters left")
    found = f"{len(done.ids)} of {len(sent_ids)} in {done.parts} parts and {done.seconds:.1f} s"
    report.check(
        f"Redrive {how}",
        "; ".join([f"{found}: {done.per_second:.0f} letters a second", *wrong]),
        holds=not wrong,
        only_aws="SQS' own speed; counts of waiting messages that are a minute late; a receive"
        " that answers empty though the queue is not",
    )


def _confirmations() -> dict[str, Mapping[str, Any]]:
    """Return the envelope of each order's OrderConfirmed, as the relay puts it on the bus."""
    from commerce.shared.events import ENVELOPE, plain
    from tests.support.shop import rows

    found = rows(f"SELECT {', '.join(ENVELOPE)} FROM outbox WHERE type = 'OrderConfirmed'")  # noqa: S608
    envelopes = [{name: plain(getattr(row, name)) for name in ENVELOPE} for row in found]
    return {str(each["aggregate_id"]): each for each in envelopes}


def _all_parts(rate: int | None) -> Redriven:
    """Redrive all, part after part as the console does, until it is over."""
    from tests.support.operations import continue_redrive, redrive
    from tests.support.shop import an_admin

    more: dict[str, Any] = {} if rate is None else {"rate": rate}
    admin, began = an_admin(), time.monotonic()
    answer = redrive("all", by=admin, **more)
    ids, parts = list(answered(answer, 200, 202)["done"]), 1
    while answer.status == 202:
        answer = continue_redrive(answer.json["redrive_id"], admin)
        ids += answered(answer, 200, 202)["done"]
        parts += 1
    body = answer.json
    return Redriven(ids, parts, body["state"], body["sent"], time.monotonic() - began)


def _deliver(report: Report, dead: Any, delivery: Any, orders: Sequence[str]) -> None:
    """Let the consumer handle what was redriven: one notice of each order."""
    from tests.support.lambda_calls import function
    from tests.support.queues import Queue, arn_of
    from tests.support.shop import rows

    queue = Queue(dead.url, arn_of(dead.url), dead.dead_letters_url)
    handler, began, handled = function("shipping/on_order_confirmed"), time.monotonic(), 0
    while batch := queue.poll(handler):
        handled += batch
    seconds = time.monotonic() - began
    tries = {each: len(delivery.tries(each)) for each in orders}
    lost = sum(not times for times in tries.values())
    twice = sum(times > 1 for times in tries.values())
    report.check(
        "The consumer handles them",
        f"{handled} messages in {seconds:.0f} s; of {len(orders)} orders the delivery system knows"
        f" {len(orders) - lost}, {lost} were lost, {twice} were sent twice",
        holds=handled == len(orders) and not lost and not twice,
        only_aws="the consumer's concurrency, and the alarms on age and dead letters that fall"
        " silent",
    )
    left = len(dead.bodies()) + len(dead.dead_letters())
    report.check("The queues are empty", f"{left} messages left", holds=not left)
    sql = """
        SELECT count(DISTINCT message_id) AS letters, count(*) AS entries FROM ops_audit
        WHERE action = 'dlq redrive' AND queue = $1
    """
    [found] = rows(sql, dead.name)
    report.check(
        "The audit has each letter once",
        f"{found.entries} entries of {found.letters} dead letters",
        holds=found.entries == found.letters == len(orders),
    )
