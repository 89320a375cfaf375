"""Many card orders at once through a gateway that fails as it likes, seen through to their ends.

Some are cancelled, whole or in part; some are delivered and come back; some are refunded by staff.
Handlers, database, cache, relay and gateway are the real ones; a queue hands the relay's events
to the consumers, now and then twice, again after a failure, and never in a promised order.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import urllib3

from commerce.app import reconciliation
from commerce.payment.model import MAX_DECLINES, NOT_TAKEN, is_out_of_tries
from commerce.runtime.db.current import database
from commerce.runtime.messaging.bus import Envelope
from commerce.runtime.messaging.relay import Relay
from tests.support.lambda_calls import Answer, bus_message, function, lambda_context, sqs_event
from tests.support.orders import cancel, status_of
from tests.support.payments import (
    CONSUMERS,
    expire,
    pay,
    payments_of,
    place_by_card,
    reconcile,
)
from tests.support.returns import a_return, hand_over, receive_return, refund_order
from tests.support.shop import Person, a_buyer, a_key, a_product, an_admin, rows, stock_of

CONSUMER_THREADS = 4
TRIES = 5  # of a message, before it is a dead letter
TWICE = 0.1  # of the events are delivered twice
CANCELLING = 0.1  # of the buyers call their order off after they paid
IN_PARTS = 0.2  # of the paid orders lose a unit before they are shipped
RETURNING = 0.2  # of the paid orders are delivered, and units come back
BY_STAFF = 0.1  # of the paid orders are refunded a little by staff
UNITS, POINTS = 3, 300  # of an order, at most
PRESSING_TWICE = 0.1  # send their payment twice, at the same moment, with the same key
PAUSE_SECONDS = 0.2
SHOWN_EVERY_SECONDS = 5.0
PRICE_WON = 700
_TOO_OFTEN = f"""
    SELECT order_id FROM payment
    WHERE status = 'FAILED' AND NOT is_extra AND failure_reason <> '{NOT_TAKEN}'
    GROUP BY order_id HAVING count(*) > {MAX_DECLINES}
"""
_DUE = """
    SELECT id, total_amount - discount_amount - points_used_amount - card_refunded_amount AS due
    FROM orders WHERE status IN ('CONFIRMED', 'SHIPPED', 'DELIVERED')
"""
_SOLD = """
    SELECT coalesce(sum(quantity - cancelled_quantity), 0)
            - (SELECT coalesce(sum(restocked_quantity), 0) FROM order_return_line) AS units,
        coalesce(sum(returned_quantity), 0) AS returned
    FROM order_line JOIN orders ON orders.id = order_id WHERE status <> 'CANCELLED'
"""
_REFUNDS = "SELECT kind, count(*) AS number FROM order_refund GROUP BY kind"
UNENDED = ("REQUESTED", "PENDING", "REFUND_PENDING")


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of a run: the same seed draws the same faults."""

    orders: int
    clients: int
    seed: int
    patience_seconds: float = 1800


@dataclass(slots=True)
class Found:
    """Counts of what happened; `holds` says whether the books do, and `why` where they do not."""

    orders: Counter[str] = field(default_factory=Counter)
    payments: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    requests: dict[str, int] = field(default_factory=dict)
    refunds: Counter[str] = field(default_factory=Counter)
    returned_units: int = 0
    charged: int = 0
    refunded: int = 0
    won_charged: int = 0
    won_refunded: int = 0
    won_due: int = 0
    """The won that paid orders keep of their cards."""
    paid_twice: int = 0
    dead_letters: int = 0
    stock_left: int = 0
    slowest_answer_seconds: float = 0.0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def table(self) -> list[tuple[str, str]]:
        """Return it line by line."""
        return [
            *((f"orders {name}", str(number)) for name, number in sorted(self.orders.items())),
            *((f"payments {name}", str(number)) for name, number in sorted(self.payments.items())),
            *((f"answers to payments: {name}", str(n)) for name, n in sorted(self.answers.items())),
            *((f"gateway: {name}", str(number)) for name, number in self.requests.items()),
            ("payments without an end", str(sum(self.payments[each] for each in UNENDED))),
            *((f"refunds: {name}", str(number)) for name, number in sorted(self.refunds.items())),
            ("units returned", str(self.returned_units)),
            ("transactions charged", str(self.charged)),
            ("transactions refunded", str(self.refunded)),
            ("won charged", f"{self.won_charged:,}"),
            ("won refunded", f"{self.won_refunded:,}"),
            ("won that paid orders keep", f"{self.won_due:,}"),
            ("orders charged twice and not refunded", str(self.paid_twice)),
            ("dead letters", str(self.dead_letters)),
            ("slowest answer to a payment", f"{self.slowest_answer_seconds:.2f} s"),
            ("duration", f"{self.seconds:.0f} s"),
            ("the books hold", "yes" if not self.problems else "NO: " + "; ".join(self.problems)),
        ]


class Deliveries:
    """The bus and the queues behind it: at least once, in any order."""

    def __init__(self, seed: int) -> None:
        self._messages: SimpleQueue[tuple[str, Envelope, int]] = SimpleQueue()
        self._chance = random.Random(seed)  # noqa: S311
        self._undelivered = 0
        self._counting = threading.Lock()
        self.dead_letters: list[Envelope] = []

    @property
    def is_empty(self) -> bool:
        """Return whether everything was delivered and processed."""
        return self._undelivered == 0

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        """Take the relay's events."""
        for envelope in envelopes:
            if consumer := CONSUMERS.get(str(envelope["type"])):
                for _ in range(2 if self._chance.random() < TWICE else 1):
                    self._send(consumer, envelope, 1)
        return [None] * len(envelopes)

    def deliver(self) -> None:
        """Hand over one message; it comes again where it was not consumed."""
        try:
            consumer, envelope, number = self._messages.get(timeout=PAUSE_SECONDS)
        except Empty:
            return
        answer = function(consumer)(
            sqs_event(bus_message(envelope), receive_count=number), lambda_context(60)
        )
        if answer["batchItemFailures"] and number < TRIES:
            self._send(consumer, envelope, number + 1)
        elif answer["batchItemFailures"]:
            self.dead_letters.append(envelope)
        with self._counting:
            self._undelivered -= 1

    def _send(self, consumer: str, envelope: Envelope, number: int) -> None:
        with self._counting:
            self._undelivered += 1
        self._messages.put((consumer, envelope, number))


@dataclass(slots=True)
class Soak:
    """One run. `gateway_url` is the simulator's; functions find it in the environment."""

    plan: Plan
    gateway_url: str
    say: Callable[[str], None]
    found: Found = field(default_factory=Found)
    _noting: threading.Lock = field(default_factory=threading.Lock)
    _failures: list[BaseException] = field(default_factory=list)
    _admin: Person = field(init=False)

    def run(self) -> Found:
        """Place and pay all orders, wait for the last one's end, and look at what came of it."""
        started = time.monotonic()
        self._gateway("PUT", "/behaviour", {"mode": "default", "seed": self.plan.seed})
        product = a_product(stock=UNITS * self.plan.orders, price=PRICE_WON)
        self._admin = an_admin()
        deliveries = Deliveries(self.plan.seed)
        relay = [lambda: _relay(deliveries)]
        with _repeating(
            relay + [deliveries.deliver] * CONSUMER_THREADS + [_minute], self._failures
        ):
            with ThreadPoolExecutor(self.plan.clients) as clients:
                buying = [
                    clients.submit(_alone, lambda number=number: self._buy(number, product))  # type: ignore[misc]
                    for number in range(self.plan.orders)
                ]
                self._watch(lambda: all(each.done() for each in buying))
            for each in buying:
                each.result()
            self._watch(lambda: not _is_unfinished() and deliveries.is_empty)
        self.found.dead_letters = len(deliveries.dead_letters)
        self.found.seconds = time.monotonic() - started
        self._look(product)
        return self.found

    def _buy(self, number: int, product: str) -> None:
        chance = random.Random(f"{self.plan.seed}:{number}")  # noqa: S311
        buyer, units = a_buyer(points=POINTS), chance.randint(1, UNITS)
        placed = place_by_card(buyer, (product, units), points=chance.choice((0, POINTS)))
        if placed.status != 201:
            raise RuntimeError(f"no order: {placed.json}")
        order_id = str(placed.json["order_id"])
        self._pay(buyer, order_id, twice=chance.random() < PRESSING_TWICE)
        if chance.random() < CANCELLING:
            time.sleep(chance.random())
            cancel(buyer, order_id)  # before its result, after it, or too late
            return
        while self._is_declined(order_id):  # and may try another card
            self._pay(buyer, order_id, twice=chance.random() < PRESSING_TWICE)
        if self._is_confirmed(order_id):
            self._give_back(chance, buyer, order_id, (product, units))

    def _is_confirmed(self, order_id: str) -> bool:
        """Wait until the order is confirmed or cancelled; return whether it is confirmed."""
        while (status := status_of(order_id)) == "PENDING" and not self._failures:
            time.sleep(PAUSE_SECONDS)
        return status == "CONFIRMED"

    def _give_back(
        self, chance: random.Random, buyer: Person, order_id: str, line: tuple[str, int]
    ) -> None:
        product, units = line
        if units > 1 and chance.random() < IN_PARTS:
            units -= 1
            part = {"product_id": product, "quantity": 1}
            _require(200, cancel(buyer, order_id, body={"lines": [part]}))
        if chance.random() < BY_STAFF:
            _require(201, refund_order(self._admin, order_id, chance.randint(1, 100)))
        if chance.random() < RETURNING:
            hand_over(self._admin, order_id)
            for _ in range(chance.randint(1, units)):  # one by one, perhaps all
                return_id, restock = a_return(buyer, order_id, (product, 1)), chance.random() < 0.5
                received = receive_return(self._admin, return_id, (product, 1), restock=restock)
                _require(200, received)

    def _is_declined(self, order_id: str) -> bool:
        """Wait for the result of the order's payments; return whether the order is still unpaid."""
        while not all(each.is_ended for each in payments_of(order_id)):
            if self._failures:
                return False
            time.sleep(PAUSE_SECONDS)
        return not is_out_of_tries(payments_of(order_id)) and not any(
            each.is_live for each in payments_of(order_id)
        )

    def _pay(self, buyer: Person, order_id: str, *, twice: bool) -> None:
        """Pay as a patient buyer does: again where it is said that it can be tried again."""
        while True:
            key = a_key()
            pressed = [self._press(buyer, order_id, key)]
            if twice:
                pressed += self._press_beside(buyer, order_id, key)
            if any(answer.status != 503 for answer in pressed):
                return
            time.sleep(PAUSE_SECONDS)

    def _press_beside(self, buyer: Person, order_id: str, key: str) -> list[Answer]:
        answers: list[Answer] = []
        other = threading.Thread(
            target=_alone,
            args=(lambda: answers.append(self._press(buyer, order_id, key)),),
        )
        other.start()
        answers.append(self._press(buyer, order_id, key))
        other.join()
        return answers

    def _press(self, buyer: Person, order_id: str, key: str) -> Answer:
        started = time.monotonic()
        answer = pay(buyer, order_id, key=key)
        seconds = time.monotonic() - started
        name = f"{answer.status} {answer.json.get('code') or answer.json.get('status')}"
        with self._noting:
            self.found.answers[name] += 1
            self.found.slowest_answer_seconds = max(self.found.slowest_answer_seconds, seconds)
        return answer

    def _watch(self, is_done: Callable[[], bool]) -> None:
        """Show how far it is until it is done; raises TimeoutError where patience ends."""
        deadline = time.monotonic() + self.plan.patience_seconds
        shown_at = 0.0
        while not is_done():
            if self._failures:
                raise self._failures[0]
            if time.monotonic() > deadline:
                raise TimeoutError(f"not at their end: {_count('orders')}, {_count('payment')}")
            if time.monotonic() - shown_at > SHOWN_EVERY_SECONDS:
                shown_at = time.monotonic()
                self.say(f"orders {_shown(_count('orders'))}; payments {_shown(_count('payment'))}")
            time.sleep(PAUSE_SECONDS)

    def _look(self, product: str) -> None:
        found = self.found
        found.orders, found.payments = _count("orders"), _count("payment")
        requests = self._gateway("GET", "/requests")["items"]
        found.requests = dict(sorted(Counter(map(_kind, requests)).items()))
        charged = [
            each for each in self._gateway("GET", "/transactions")["items"] if each["charged_at"]
        ]
        kept = Counter(each["orderId"] for each in charged if _kept(each))
        found.charged = len(charged)
        found.refunded = sum(1 for each in charged if each["refunded_at"])
        found.won_charged = sum(each["amount"] for each in charged)
        found.won_refunded = found.won_charged - sum(map(_kept, charged))
        found.paid_twice = sum(1 for number in kept.values() if number > 1)
        found.refunds = Counter({row.kind: int(row.number) for row in rows(_REFUNDS)})
        found.stock_left = stock_of(product)
        self._compare_won(charged)
        found.problems += [f"declined too often: {row.order_id}" for row in rows(_TOO_OFTEN)]
        found.problems += [str(each) for each in reconciliation.reconcile().findings]
        [sold] = rows(_SOLD)
        found.returned_units = int(sold.returned)
        if found.stock_left != UNITS * self.plan.orders - int(sold.units):
            found.problems.append(f"{found.stock_left} units are left")

    def _compare_won(self, charged: Sequence[dict[str, Any]]) -> None:
        """Each order has of its card what the gateway has kept of it."""
        due = {str(row.id): int(row.due) for row in rows(_DUE)}
        self.found.won_due = sum(due.values())
        kept = Counter[str]()
        for each in charged:
            kept[each["orderId"]] += _kept(each)
        self.found.problems += [
            f"order {id_} keeps {due.get(id_, 0)} of its card, the gateway kept {kept[id_]}"
            for id_ in {*due, *kept}
            if due.get(id_, 0) != kept[id_]
        ]

    def _gateway(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body)
        with urllib3.PoolManager(retries=False, timeout=60) as http:
            answer = http.request(method, self.gateway_url + path, body=content)
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.data!r}")
        found: dict[str, Any] = answer.json()
        return found


def _relay(deliveries: Deliveries) -> None:
    Relay(database(), deliveries).run()
    time.sleep(PAUSE_SECONDS)


def _minute() -> None:
    reconcile()
    expire()
    time.sleep(5 * PAUSE_SECONDS)


@contextmanager
def _repeating(
    works: Sequence[Callable[[], None]], failures: list[BaseException]
) -> Iterator[None]:
    """Do each again and again in a thread of its own, and keep what ended one of them."""
    is_over = threading.Event()

    def repeat(work: Callable[[], None]) -> None:
        try:
            while not is_over.is_set():
                work()
        except BaseException as error:  # noqa: BLE001  (the main thread raises it)
            failures.append(error)

    threads = [threading.Thread(target=_alone, args=(lambda w=w: repeat(w),)) for w in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def _alone(work: Callable[[], object]) -> None:
    """Do it on this thread's own connection, and let go of that."""
    try:
        work()
    finally:
        database().close()


def _is_unfinished() -> bool:
    sql = (
        "SELECT 1 FROM orders WHERE status NOT IN ('CONFIRMED', 'DELIVERED', 'CANCELLED')"
        " UNION ALL SELECT 1 FROM payment WHERE status NOT IN ('SUCCEEDED', 'FAILED', 'REFUNDED')"
        " OR refunded_amount < refund_requested_amount"
        " UNION ALL SELECT 1 FROM outbox WHERE published_at IS NULL LIMIT 1"
    )
    return bool(rows(sql))


def _kept(transaction: dict[str, Any]) -> int:
    """Return what the gateway has kept of a charge."""
    return int(transaction["amount"] - sum(each["amount"] for each in transaction["refunds"]))


def _require(status: int, answer: Answer) -> None:
    if answer.status != status:
        raise RuntimeError(f"{answer.status}: {answer.json}")


def _count(table: str) -> Counter[str]:
    sql = f"SELECT status, count(*) AS number FROM {table} GROUP BY status"
    return Counter({str(row.status): int(row.number) for row in rows(sql)})


def _shown(numbers: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(numbers.items())) or "none"


def _kind(request: dict[str, Any]) -> str:
    path = str(request["path"])
    about = "refund" if path.endswith("/refunds") else "payment"
    return f"{'asked about' if request['method'] == 'GET' else about} {request['outcome']}"
