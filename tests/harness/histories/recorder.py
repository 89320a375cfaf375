"""Plays a plan on the real shop, with real threads, connections and handlers, and records it.

Meanwhile a relay that lags publishes events to a bus that fails now and then, and they are
delivered late, repeatedly and in any order. Then the background work is drained and rows are read.
"""

import itertools
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import UUID

import pytest

from commerce.app import ordering, transactions
from commerce.app.reconciliation import Scope, reconcile
from commerce.entrypoints import idempotency
from commerce.product.striping import repository as striping
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Connection, Query
from commerce.runtime.messaging.bus import Envelope
from commerce.runtime.messaging.relay import Relay
from commerce.shared.errors import CommerceError
from tests.harness.histories import drop_model
from tests.harness.histories.drop_calls import DropShop
from tests.harness.histories.history import BUSY, Call, History, Setup
from tests.harness.histories.plan import Plan, Planned
from tests.support.admin import adjust_stock, count_stock, stock_seen, units_of
from tests.support.coupons import a_coupon, issue, mine
from tests.support.lambda_calls import (
    Answer,
    bus_message,
    call,
    function,
    lambda_context,
    sqs_event,
)
from tests.support.orders import cancel, cancel_as_admin, deliver, ship
from tests.support.shop import (
    Person,
    a_brand,
    a_buyer,
    a_product,
    an_admin,
    rows,
    set_stripes,
    stock_of,
)

T = TypeVar("T")

RETRIES = 4
DEADLINE_SECONDS = 600  # for the clients of one history; two busy processors may need minutes
_METRICS = "metrics/on_product_activity"
_COUNTED = ("OrderConfirmed", "OrderCancelled", "OrderLinesCancelled")
_CUT = Query("SELECT pg_terminate_backend(pg_backend_pid())")
_cutting = threading.local()


class UnreliableBus:
    """Takes events, unless it fails: before it took them, after, or for one of them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng: random.Random | None = rng
        self.taken: list[Envelope] = []
        self.puts: list[dict[str, list[str]]] = []

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        """Take the events as a bus does; without `rng` it never fails."""
        fate = self.rng.random() if self.rng else 1.0
        if fate < 0.25:
            raise ConnectionError("no route to the bus")
        answers: list[str | None] = [None] * len(envelopes)
        if fate < 0.45 and self.rng:
            answers[self.rng.randrange(len(envelopes))] = "InternalFailure"
        outcomes = list(zip(envelopes, answers, strict=True))
        self.taken += [each for each, refusal in outcomes if refusal is None]
        self.puts.append(
            {
                "took": [str(each["id"]) for each, refusal in outcomes if refusal is None],
                "refused": [str(each["id"]) for each, refusal in outcomes if refusal is not None],
            }
        )
        if 0.45 <= fate < 0.55:
            raise ConnectionError("the bus took them, and its answer was lost")
        return answers


@dataclass
class _Shop:
    """The shop of one history, and the names of what is in it."""

    buyers: list[Person]
    admin: Person
    products: list[str]
    coupon: str
    first_position: int
    drop: DropShop | None = None
    names: dict[str, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    """Ids of orders by their names, as far as a client knows them."""
    copies: dict[str, str] = field(default_factory=dict)
    order_requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, setup: Setup) -> "_Shop":
        before = rows("SELECT coalesce(max(position), 0) AS position FROM outbox")[0].position
        brand = a_brand()
        shop = cls(
            buyers=[a_buyer(points=setup.points) for _ in range(setup.buyers)],
            admin=an_admin(),
            products=[a_product(units, setup.price, brand_id=brand) for units in setup.stock],
            coupon=a_coupon(value=setup.discount, total_quantity=setup.copies),
            first_position=before,
        )
        if setup.max_per_buyer is not None:
            sql = "UPDATE product SET max_per_buyer = $1 WHERE id = ANY ($2)"
            rows(sql, setup.max_per_buyer, [UUID(each) for each in shop.products])
        if setup.stripes > 1:
            for product in shop.products:
                set_stripes(product, setup.stripes)
        for number, buyer in enumerate(shop.buyers):
            shop.names[str(buyer.user_id)] = f"u{number}"
        for number, product in enumerate(shop.products):
            shop.names[product] = f"p{number}"
        if setup.drop:
            product = shop.product(setup.drop.product)
            shop.drop = DropShop.of(setup.drop, product, shop.buyers, shop.admin)
        return shop

    @property
    def the_drop(self) -> DropShop:
        """Return the drop of a history that has one."""
        assert self.drop is not None
        return self.drop

    def buyer(self, name: str) -> Person:
        return self.buyers[int(name[1:])]

    def product(self, name: str) -> str:
        return self.products[int(name[1:])]

    def order_request(self, args: dict[str, Any]) -> dict[str, Any]:
        """Return the request that the key stands for: as it was when the key was first used."""
        order_request = {**args, "coupon": args["coupon"] and args["buyer"] in self.copies}
        with self.lock:
            return self.order_requests.setdefault(args["key"], order_request)

    def name(self, id_: str, wanted: str) -> str:
        """Return the name of an id: `wanted`, numbered where another id has that name."""
        with self.lock:
            if id_ not in self.names:
                taken = sum(each.partition("#")[0] == wanted for each in self.names.values())
                self.names[id_] = f"{wanted}#{taken + 1}" if taken else wanted
            return self.names[id_]


class Recorder:
    """Threads, each with its connection and its functions, that are kept from plan to plan."""

    def __init__(self, clients: int) -> None:
        self._clients = clients
        self._threads = ThreadPoolExecutor(max_workers=clients + 1)

    def close(self) -> None:
        """End the threads and close their connections."""
        self._together([lambda: database().close()] * (self._clients + 1))
        self._threads.shutdown()

    def record(self, plan: Plan) -> History:
        """Play the plan; returns what happened."""
        with _few_units_are_dealt():
            shop = _Shop.of(plan.setup)
        ticks = itertools.count()
        failures: list[str] = []
        recorded: list[list[Call]] = [[] for _ in range(plan.clients)]
        bus = UnreliableBus(random.Random(plan.seed))  # noqa: S311
        background = _Background(bus, random.Random(plan.seed + 1))  # noqa: S311
        running = plan.clients
        lock = threading.Lock()

        def ask(client: int) -> None:
            nonlocal running
            try:
                for planned in plan.of_client(client):
                    planned_call = _PlannedCall(shop, planned, ticks, failures)
                    recorded[client] += planned_call.retry_until_answered()
            finally:
                with lock:
                    running -= 1
                    if not running:
                        background.clients_are_done.set()

        with _store(exists=plan.has_store), _cuttable(), _no_nudges(), _few_units_are_dealt():
            work = [lambda n=n: ask(n) for n in range(plan.clients)]
            self._together([*work, background.run_behind])
            bus.rng = None
            self._together([background.drain])
        calls = sorted(itertools.chain(*recorded), key=lambda each: each.start)
        return _observed(plan, shop, calls, bus, failures)

    def _together(self, work: Sequence[Callable[[], None]]) -> None:
        start = threading.Barrier(len(work))

        def run(each: Callable[[], None]) -> None:
            start.wait(DEADLINE_SECONDS)
            each()

        for future in [self._threads.submit(run, each) for each in work]:
            future.result(DEADLINE_SECONDS)


class _Background:
    """The background work while clients call: relay and deliveries."""

    def __init__(self, bus: UnreliableBus, rng: random.Random) -> None:
        self.clients_are_done = threading.Event()
        self._bus = bus
        self._rng = rng
        self._delivered: set[str] = set()

    def run_behind(self) -> None:
        """Relay and deliver late, repeatedly and in any order, until the clients are done."""
        while not self.clients_are_done.wait(self._rng.uniform(0.005, 0.05)):
            self._relay()
            taken = self._bus.taken[:]
            self._deliver(self._rng.sample(taken, self._rng.randint(0, min(5, len(taken)))))

    def drain(self) -> None:
        """Relay until nothing waits, deliver what was not delivered yet, and some of it again.

        The last call may have left a connection on which the server still rolls back.
        """
        for _ in range(10):
            self._relay()
        taken = self._bus.taken[:]
        missing = [each for each in taken if each["id"] not in self._delivered]
        again = self._rng.sample(taken, len(taken) // 2)
        self._rng.shuffle(missing)
        self._deliver(missing + again)
        database().close()

    def _relay(self) -> None:
        Relay(database(), self._bus).run(max_chunks=3)

    def _deliver(self, envelopes: Sequence[Envelope]) -> None:
        mine = [each for each in envelopes if each["type"] in _COUNTED]
        self._delivered |= {each["id"] for each in envelopes}
        for at in range(0, len(mine), 10):
            batch = sqs_event(*(bus_message(each) for each in mine[at : at + 10]))
            answer = function(_METRICS)(batch, lambda_context())
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            sent = zip(batch["Records"], mine[at : at + 10], strict=True)
            self._delivered -= {e["id"] for record, e in sent if record["messageId"] in failed}


@dataclass
class _PlannedCall:
    """One planned call, repeated until it is answered."""

    shop: _Shop
    planned: Planned
    ticks: Iterator[int]
    failures: list[str]

    def retry_until_answered(self) -> list[Call]:
        """Repeat the call with the same key, as a client does whose answer is lost."""
        if self.planned.kind == "promote":
            return self._promoted()
        calls: list[Call] = []
        for attempt in range(1 + RETRIES):
            args = self._args()
            if args is None:
                break
            recorded = self._once(args, is_first=attempt == 0)
            calls.append(recorded)
            if recorded.answer is not None and recorded.refusal not in BUSY:
                break
        return calls

    def _promoted(self) -> list[Call]:
        """Make promote's transactions, each a call of its own, until nothing awaits the beacon."""
        calls: list[Call] = []
        for kind in ("step", "take_round", "step"):
            planned = replace(self.planned, kind=kind)
            calls.append(replace(self, planned=planned)._once({}, is_first=not calls))
            answer = calls[-1].answer
            if answer is None or not (kind == "take_round" or answer.get("awaits")):
                break
        return calls

    def _args(self) -> dict[str, Any] | None:
        """Return the call's arguments; None where it concerns what no client knows."""
        args = dict(self.planned.args)
        if "order" in args and args["order"] not in self.shop.orders:
            return None
        if args.get("offer") and args["buyer"] not in self.shop.the_drop.entries:
            return None
        return self.shop.order_request(args) if self.planned.kind == "place" else args

    def _once(self, args: dict[str, Any], *, is_first: bool) -> Call:
        planned, start = self.planned, next(self.ticks)
        with _cut(planned.cut if is_first else None, planned.cuts):
            answer = self._ask_drop(args) if self._is_about_drop else self._ask(args)
        is_lost = is_first and planned.loses_answer
        read = None if is_lost else self._read(answer, args)
        end = next(self.ticks)
        if answer.status == 500:
            self.failures.append(f"{planned.kind} {args}: {answer.json.get('code')}")
        is_replay = answer.headers.get("idempotency-replayed") == "true" and not is_lost
        return Call(start, planned.client, planned.kind, args, start, end, read, is_replay)

    @property
    def _is_about_drop(self) -> bool:
        return self.planned.kind in drop_model.KINDS

    def _ask_drop(self, args: dict[str, Any]) -> Answer:
        buyer = self.shop.buyer(args["buyer"]) if "buyer" in args else None
        return self.shop.the_drop.answer(self.planned.kind, args, buyer)

    def _ask(self, args: dict[str, Any]) -> Answer:
        kind, shop = self.planned.kind, self.shop
        if kind == "place":
            return self._place(args)
        if kind == "charge":
            return self._call(
                "point/charge_points", "POST", "/users/me/points/charges",
                body={"amount": args["amount"]}, key=_key(args),
            )  # fmt: skip
        if kind == "issue":
            return issue(shop.buyer(args["buyer"]), shop.coupon)
        if kind in ("set_stock", "count", "adjust", "read_shelf"):
            return self._about_a_shelf(kind, shop.product(args["product"]), args)
        if kind == "read_stock":
            path = f"/products/{shop.product(args['product'])}"
            return call("product/get_product", "GET", path)
        if kind == "read_points":
            return self._call("point/get_my_points", "GET", "/users/me/points")
        if kind == "read_copies":
            return mine(shop.buyer(args["buyer"]))
        return self._about_an_order(kind, shop.orders[args["order"]], args)

    def _about_a_shelf(self, kind: str, product: str, args: dict[str, Any]) -> Answer:
        admin = self.shop.admin
        if kind == "set_stock":
            return count_stock(product, admin, quantity=args["quantity"])
        if kind == "count":
            return count_stock(product, admin, on_hand=args["on_hand"])
        if kind == "adjust":
            return adjust_stock(product, args["delta"], by=admin, key=_key(args))
        return stock_seen(product, admin)

    def _about_an_order(self, kind: str, order_id: str, args: dict[str, Any]) -> Answer:
        admin = self.shop.admin
        if kind == "read_order":
            return self._call("order/get_order", "GET", f"/orders/{order_id}")
        if kind == "cancel":
            return cancel(self.shop.buyer(args["buyer"]), order_id, key=_key(args))
        if kind == "cancel_part":
            units = {
                "product_id": self.shop.product(args["product"]),
                "quantity": args["units"],
            }
            buyer, body = self.shop.buyer(args["buyer"]), {"lines": [units]}
            return cancel(buyer, order_id, key=_key(args), body=body)
        if kind == "cancel_as_admin":
            return cancel_as_admin(admin, order_id)
        if kind == "expire":
            return _expire(order_id)
        return ship(admin, order_id) if kind == "ship" else deliver(admin, order_id)

    def _place(self, args: dict[str, Any]) -> Answer:
        body: dict[str, Any] = {
            "lines": [
                {"product_id": self.shop.product(name), "quantity": quantity}
                for name, quantity in args["lines"]
            ],
            "payment_method": args["method"],
        }
        if args["method"] == "CARD":
            body["points"] = args["points"]
        if args.get("offer"):
            body["drop_entry_id"] = self.shop.the_drop.entries[args["buyer"]]
        if args["coupon"]:
            body["issued_coupon_id"] = self.shop.copies[args["buyer"]]
        return self._call("order/place_order", "POST", "/orders", body=body, key=_key(args))

    def _call(self, name: str, method: str, path: str, **request: Any) -> Answer:
        token = self.shop.buyer(self.planned.args["buyer"]).token
        return call(name, method, path, token=token, **request)

    def _read(self, answer: Answer, args: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer in the model's terms; None where the outcome is unknown."""
        found = answer.json
        if answer.status >= 500 and found["code"] != "BUSY":
            return None
        if answer.status >= 400:
            return self._refusal(found)
        if self._is_about_drop:
            return self.shop.the_drop.read(self.planned.kind, args, answer)
        return self._read_success(answer, args)

    def _read_success(self, answer: Answer, args: dict[str, Any]) -> dict[str, Any]:
        found, kind = answer.json, self.planned.kind
        if kind == "place":
            name = self.shop.name(found["order_id"], args["key"])
            self.shop.orders.setdefault(args["key"], found["order_id"])
            points, discount = found["points_used"]["amount"], found["discount"]["amount"]
            return {
                "order": name, "status": found["status"], "points": points, "discount": discount
            }  # fmt: skip
        if kind in ("charge", "read_points"):
            return {"balance": found["balance"]["amount"]}
        if kind == "issue":
            id_ = found["issued_coupon_id"]
            self.shop.copies.setdefault(args["buyer"], id_)
            name = self.shop.name(id_, f"copy of {args['buyer']}").removeprefix("copy of ")
            return {"copy": name, "is_new": answer.status == 201}
        if "stock_quantity" in found:
            shelf = {name: found[name] for name in ("on_hand", "reserved") if name in found}
            return {"stock": found["stock_quantity"], **shelf}
        if kind == "read_copies":
            return {"copies": [each["status"] for each in found["items"]]}
        return {"status": found["status"]}

    def _refusal(self, found: dict[str, Any]) -> dict[str, Any]:
        code = found["code"]
        if code == "OUT_OF_STOCK":
            available = {self.shop.names[e["product_id"]]: e["available"] for e in found["errors"]}
            return {"refused": code, "available": available}
        if code == "INSUFFICIENT_POINTS":
            return {"refused": code, "available": found["errors"][0]["available"]}
        if code == "OVERSOLD":
            return {"refused": code, "by": found["by"]}
        if code == "PURCHASE_LIMIT":
            return {"refused": code, "already": found["already"]}
        if code == "OFFER_NOT_VALID":
            return {"refused": code, "is": found["entry_status"]}
        if code == "NOTHING_LEFT":
            return {"refused": code, "left": found["errors"][0]["left"]}
        if code.startswith("ORDER_NOT_"):  # The order is SHIPPED.
            return {"refused": code, "is": found["detail"].split()[3].rstrip(".;")}
        return {"refused": code}


def _expire(order_id: str) -> Answer:
    """Expire the order, as the minute's run does with those whose time is over."""
    try:
        order = transactions.in_transaction(ordering.expire_order, order_id)
    except CommerceError as refusal:
        return Answer(409, {"code": refusal.code, "detail": str(refusal)}, {})
    return Answer(200, {"status": order.status}, {})


def _key(args: dict[str, Any]) -> str | None:
    """A key as a client would send it; the names of plans are shorter than keys may be."""
    return f"history-{args['key']}" if args.get("key") else None


@contextmanager
def _cut(where: str | None, times: int) -> Iterator[None]:
    _cutting.left = times if where else 0
    _cutting.where = where
    try:
        yield
    finally:
        _cutting.left = 0


@contextmanager
def _cuttable() -> Iterator[None]:
    """The server really cuts a connection where the call of its thread says so."""
    send = Connection.run_together

    def run_together(self: Connection, queries: Sequence[Query]) -> list[Any]:
        where = getattr(_cutting, "where", None)
        is_commit = any(each.sql == "COMMIT" or "INTO outbox" in each.sql for each in queries)
        if getattr(_cutting, "left", 0) == 0 or is_commit == (where == "while reading"):
            return send(self, queries)
        _cutting.left -= 1
        if where == "after the commit":
            send(self, queries)  # its refusal, if it has one, is an answer that arrives
        return send(self, [_CUT])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "run_together", run_together)
        yield


@contextmanager
def _no_nudges() -> Iterator[None]:
    """Turn the nudges off, so that the relay lags behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transactions, "_nudge_the_relay", lambda: None)
        yield


@contextmanager
def _few_units_are_dealt() -> Iterator[None]:
    """A history has too few units for stripes that are worth it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(striping, "WORTH_DEALING", 1)
        yield


@contextmanager
def _store(*, exists: bool) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not exists:
            patch.setenv("IDEMPOTENCY_TABLE_NAME", "no-such-table")
        idempotency._store.cache_clear()
        yield
    idempotency._store.cache_clear()


_ORDERS = """
    SELECT id, buyer_id, status, payment_method, points_used_amount, discount_amount,
        ARRAY (SELECT CAST(product_id AS text) FROM order_line WHERE order_id = id
            ORDER BY position) AS products,
        ARRAY (SELECT quantity FROM order_line WHERE order_id = id ORDER BY position) AS quantities,
        ARRAY (SELECT cancelled_quantity FROM order_line WHERE order_id = id
            ORDER BY position) AS gone, points_refunded_amount
    FROM orders WHERE buyer_id = ANY (CAST($1 AS uuid[])) ORDER BY id
"""
_EVENTS = """
    SELECT CAST(id AS text) AS id, type, CAST(aggregate_id AS text) AS aggregate,
        aggregate_version AS version
    FROM outbox WHERE position > $1 ORDER BY position
"""
_METRICS_OF = """
    SELECT CAST(coalesce(sum(orders), 0) AS bigint) AS orders,
        CAST(coalesce(sum(units), 0) AS bigint) AS units,
        CAST(coalesce(sum(amount), 0) AS bigint) AS amount
    FROM product_metrics_daily WHERE product_id = $1
"""


def _observed(
    plan: Plan, shop: _Shop, calls: list[Call], bus: UnreliableBus, failures: list[str]
) -> History:
    users = [buyer.user_id for buyer in shop.buyers]
    orders = [_order(shop, row) for row in rows(_ORDERS, users)]
    products = [UUID(each) for each in shop.products]
    drops = [shop.drop.id] if shop.drop else []
    order_ids = [UUID(each["id"]) for each in orders]
    scope = Scope(products, users, order_ids, [UUID(shop.coupon)], drops)
    books = [str(each) for each in reconcile(scope).findings]
    if shop.drop:
        books += [f"the proof does not hold: {each}" for each in shop.drop.false_claims()]
    return History(
        seed=plan.seed,
        setup=plan.setup,
        calls=calls,
        end={**_end(shop, users), **_drop_end(shop), "orders": orders},
        committed=[
            {**row._asdict(), "about": shop.names.get(row.aggregate, row.aggregate)}
            for row in rows(_EVENTS, shop.first_position)
        ],
        puts=bus.puts,
        metrics={shop.names[each]: [*rows(_METRICS_OF, each)[0]] for each in shop.products},
        books=books,
        failures=failures,
    )


def _drop_end(shop: _Shop) -> dict[str, Any]:
    return {"drop": shop.drop.end(shop.names)} if shop.drop else {}


def _order(shop: _Shop, row: Any) -> dict[str, Any]:
    names = [shop.names[each] for each in row.products]
    return {
        "id": str(row.id),
        "about": shop.names.get(str(row.id), str(row.id)),
        "buyer": shop.names[str(row.buyer_id)],
        "lines": [list(line) for line in zip(names, row.quantities, strict=True)],
        "method": row.payment_method,
        "points": row.points_used_amount,
        "discount": row.discount_amount,
        "status": row.status,
        "gone": {name: n for name, n in zip(names, row.gone, strict=True) if n},
        "points_back": row.points_refunded_amount,
    }


def _end(shop: _Shop, users: list[UUID]) -> dict[str, Any]:
    balance = rows("SELECT user_id, balance FROM point_account WHERE user_id = ANY ($1)", users)
    copies = rows(
        "SELECT user_id, used_by_order FROM issued_coupon WHERE coupon_id = $1", shop.coupon
    )
    left = "SELECT CAST(sum(quantity_left) AS int) AS n FROM coupon_stripe WHERE coupon_id = $1"
    return {
        "stock": {shop.names[product]: stock_of(product) for product in shop.products},
        "on_hand": {shop.names[product]: units_of(product)[0] for product in shop.products},
        "balance": {shop.names[str(row.user_id)]: row.balance for row in balance},
        "copies": {
            shop.names[str(row.user_id)]: "USED" if row.used_by_order else "AVAILABLE"
            for row in copies
        },
        "left": rows(left, shop.coupon)[0].n,
    }
