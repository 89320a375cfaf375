"""Eleven incidents of a night: how each is caused, what should show it, and how it is mended.

Each is mended as its runbook says, by the command or the button that it names.
"""

import secrets
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pg8000.native
import redis
import urllib3
from playwright.sync_api import expect

from tests.e2e.caller import a_coupon, an_order
from tests.e2e.commands import ops
from tests.e2e.eventually import eventually
from tests.e2e.shop import Buyer, Shop
from tests.e2e.stack import NO_PROCESS, Stack
from tests.harness.night.console import Console

QUEUE = "shipping-order-confirmed"
RELAY_TURN = 7235119001  # the advisory lock of the relay that is at work
BREAKER_BUYERS, ORDERS_OF_EACH = 6, 2  # more payments than the ten that the breaker judges by
GARBAGE = 3
BIG = 300_000  # bytes: more than the bus takes of one event
LINE_WON = 100


@dataclass(slots=True)
class Night:
    """The system on which the incidents happen, and the console beside it."""

    stack: Stack
    shop: Shop
    console: Console
    valkey_url: str
    paid: list[str] = field(default_factory=list)
    """Orders that were paid, each of which the delivery system must know at the end."""

    def buyer(self) -> Buyer:
        """Sign somebody up who has points."""
        return self.shop.new_buyer(points=100_000)

    def order(self, buyer: Buyer | None = None) -> str:
        """Place an order that points pay."""
        placed = (buyer or self.buyer()).place_order((self.product(), 1))
        self.paid.append(placed)
        return placed

    def product(self) -> str:
        """Register a product that there is enough of."""
        return self.shop.new_product(stock=50, price=LINE_WON)

    def run(self, sql: str, **values: Any) -> list[list[Any]]:
        """Run one statement on the database, as an operator does by hand."""
        with self.stack.database() as database:
            return database.run(sql, **values) or []

    def ops(self, *arguments: str) -> Any:
        """Run an operators' command; return its JSON. Raises AssertionError where it fails."""
        code, answer = ops(self.stack, *arguments)
        assert code in (0, 1), answer
        return answer


class Incident(ABC):
    """Something that goes wrong, the words that should show it, and its mend."""

    name: ClassVar[str]
    words: str
    """A pattern of the line that shows it; known once it is caused."""
    panel: ClassVar[str] = "wrong"
    within_seconds: ClassVar[float] = 120
    mend_text: ClassVar[str]
    over_within_seconds: ClassVar[float] = 120
    ends_shown: ClassVar[bool] = False
    """True if the words stay on the page after the mend, as a record does."""

    def __init__(self, night: Night) -> None:
        self.night = night

    @abstractmethod
    def cause(self) -> None:
        """Let it happen."""

    @abstractmethod
    def mend(self) -> None:
        """Do what the runbook says. Raises AssertionError where that does not mend it."""


class AlteredStock(Incident):
    """A row of stock is changed past the code."""

    name = "A stock row is altered by 3 in the database"
    words = r"The books do not hold: STOCK_IS_THE_SUM_OF_ITS_MOVEMENTS"
    within_seconds = 420  # the schedule's five minutes, and the page's refresh
    mend_text = "the row put back, as the movements say; the next check finds nothing"
    over_within_seconds = 420

    def cause(self) -> None:
        self._product = self.night.product()
        self._add(3)

    def mend(self) -> None:
        self._add(-3)
        found = self.night.ops("reconcile")["findings"]
        assert all(self._product not in str(each) for each in found), found

    def _add(self, units: int) -> None:
        sql = "UPDATE stock SET quantity = quantity + :units, on_hand = on_hand + :units"
        self.night.run(f"{sql} WHERE product_id = CAST(:id AS uuid)", units=units, id=self._product)


class EmptiedValkey(Incident):
    """The cache loses everything, today's ranking boards too."""

    name = "Valkey loses everything (FLUSHALL)"
    words = r"BOARD_IS_WHAT_ITS_METRICS_SAY"
    panel = "books"
    within_seconds = 720  # a difference counts once two checks have seen it
    mend_text = 'make ops ARGS="ranking rebuild"'
    over_within_seconds = 420

    def cause(self) -> None:
        viewed = self.night.product()
        for viewer in range(3):
            self.night.shop.anyone.product(viewed, viewer=f"viewer {viewer}")

        def is_ranked() -> bool:
            ranked = self.night.shop.anyone.rankings(period="daily", limit=100).require(200)
            return viewed in {each["product"]["product_id"] for each in ranked["items"]}

        eventually(is_ranked)
        with redis.Redis.from_url(self.night.valkey_url) as valkey:
            valkey.flushall()

    def mend(self) -> None:
        self.night.ops("ranking", "rebuild")


class DeadDelivery(Incident):
    """The delivery system fails, and somebody sends garbage to its queue."""

    name = "The delivery system is down, beside garbage in its queue"
    words = rf"{GARBAGE + 1} dead letters in 1 queue"
    within_seconds = 400
    mend_text = "console: Discard unreadable, with a reason; then Redrive all"
    over_within_seconds = 200

    def cause(self) -> None:
        self.night.stack.delivery.behave("fail")
        self._order = self.night.order()
        for number in range(GARBAGE):
            self.night.stack.send("ShippingQueueUrl", f"garbage {number}")

    def mend(self) -> None:
        self.night.stack.delivery.behave("ok")
        page = self.night.console.page
        page.get_by_role("button", name=f"Discard unreadable of {QUEUE}").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"{GARBAGE} unreadable")
        dialog.get_by_label("Reason").fill("garbage of a night drill")
        dialog.get_by_role("button", name="Discard unreadable").click()
        expect(page.locator("#outcomes")).to_contain_text(f"{GARBAGE} messages discarded")
        _close(page)
        page.get_by_role("button", name=f"Redrive all of {QUEUE}").click()
        page.get_by_role("dialog").get_by_role("button", name="Redrive").click()
        eventually(lambda: self.night.stack.delivery.notices(self._order))


class FailingConsumer(Incident):
    """A change by hand takes away the table that a consumer writes to."""

    name = "A consumer fails: its table was renamed by hand"
    words = r"failing now: metrics-product-activity"
    within_seconds = 200
    mend_text = "the table's name put back; the messages are tried again by themselves"
    over_within_seconds = 500

    def cause(self) -> None:
        self.night.run("ALTER TABLE product_metrics_daily RENAME TO product_metrics_kept")
        self.night.order()

    def mend(self) -> None:
        self.night.run("ALTER TABLE product_metrics_kept RENAME TO product_metrics_daily")


class QuarantinedEvent(Incident):
    """An event is too large for the bus, for ever."""

    name = "An event is larger than the bus takes"
    words = r"1 event quarantined"
    within_seconds = 200
    mend_text = 'make ops ARGS="quarantine discard EVENT_ID --reason …"'

    def cause(self) -> None:
        self._id = str(
            self.night.run(
                "INSERT INTO outbox (id, source, type, occurred_at, aggregate_id,"
                " aggregate_version, trace_id, data) SELECT gen_random_uuid(), 'drill', 'Drill',"
                " now(), gen_random_uuid(), 1, 'drill',"
                " jsonb_build_object('text', repeat('x', CAST(:size AS int))) RETURNING id",
                size=BIG,
            )[0][0]
        )

    def mend(self) -> None:
        self.night.ops(
            "quarantine", "discard", self._id, "--reason", "made by a night drill", "--yes"
        )


class LeakedToken(Incident):
    """Somebody has the token of a member of staff, and makes a coupon for everything."""

    name = "An admin's token is leaked and used"
    panel = "audit"
    within_seconds = 60
    mend_text = 'make ops ARGS="staff revoke LOGIN_ID": its token is refused at once'
    ends_shown = True

    def cause(self) -> None:
        admin = self.night.shop.new_buyer()
        self._login = admin.user["login_id"]
        self.words = rf"{admin.user['user_id'][-8:]}\s+POST /admin/coupons"
        self.night.ops("staff", "grant", self._login, "coupons", "--yes")
        opened = self.night.shop.anyone.open_session(self._login, admin.password).require(201)
        self._thief = self.night.shop.anyone.with_token(opened["access_token"])
        free = {**a_coupon(), "kind": "RATE", "value": 100, "max_discount": None}
        self._thief.register_coupon(**free).require(201)

    def mend(self) -> None:
        self.night.ops("staff", "revoke", self._login, "--yes")
        refused = self._thief.register_coupon(**a_coupon())
        assert refused.status in (401, 403), refused.status


class StuckRelay(Incident):
    """A session holds the relay's turn and does nothing."""

    name = "The relay waits for a session that hangs"
    words = r"Events wait in the outbox for"
    within_seconds = 200
    mend_text = "outbox-stuck.md: the session is found and ended with pg_terminate_backend"

    def __init__(self, night: Night) -> None:
        super().__init__(night)
        self._opened = ExitStack()  # closed by nothing: its session is ended by the mend

    def cause(self) -> None:
        session = self._opened.enter_context(self.night.stack.database())
        session.run("SET idle_in_transaction_session_timeout = 0")
        session.run("BEGIN")
        session.run("SELECT pg_advisory_xact_lock(:lock)", lock=RELAY_TURN)
        [[self._session]] = session.run("SELECT pg_backend_pid()")
        self._order = self.night.order()

    def mend(self) -> None:
        holders = self.night.run(
            "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND pid IN"
            " (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"
        )
        assert [self._session] in holders, holders
        self.night.run("SELECT pg_terminate_backend(:pid)", pid=self._session)
        eventually(lambda: self.night.stack.delivery.notices(self._order))


class StoppedPayments(Incident):
    """The gateway answers 500 to all: the breaker opens."""

    name = "The payment gateway fails"
    words = r"Card payments are stopped"
    within_seconds = 120
    mend_text = "the gateway is well again: the breaker lets one payment try, and closes"
    over_within_seconds = 300

    def cause(self) -> None:
        self.night.stack.gateway.behave("error", on="all")
        product = self.night.product()
        for _ in range(BREAKER_BUYERS):  # who ends many orders unpaid has to wait
            buyer = self.night.buyer()
            for _ in range(ORDERS_OF_EACH):
                order_id = buyer.api.place_card_order((product, 1)).require(201)["order_id"]
                buyer.api.pay(order_id)
                buyer.api.cancel_order(order_id)

    def mend(self) -> None:
        self.night.stack.gateway.behave("healthy")
        buyer, product = self.night.buyer(), self.night.product()
        order_id = buyer.api.place_card_order((product, 1)).require(201)["order_id"]

        def is_paid() -> bool:
            buyer.api.pay(order_id)
            return bool(buyer.api.order(order_id).require(200)["status"] == "CONFIRMED")

        eventually(is_paid)
        self.night.paid.append(order_id)


class UnknownPayment(Incident):
    """A card was charged, and its result gets lost; the gateway answers no question about it."""

    name = "A card is charged and its result is lost"
    words = r"payments? unfinished for more than 5 min"
    within_seconds = 500
    mend_text = 'make ops ARGS="payments sync PAYMENT_ID" once the gateway answers'
    over_within_seconds = 200

    def cause(self) -> None:
        self.night.stack.gateway.behave("lose_callback", times=1)
        buyer = self.night.buyer()
        placed = buyer.api.place_card_order((self.night.product(), 1)).require(201)
        self._order, self._buyer = placed["order_id"], buyer
        paid = buyer.api.pay(self._order).require(201)
        self._payment = paid["payment_id"]

    def mend(self) -> None:
        path = f"/admin/payments/{self._payment}/sync"
        self.night.shop.admin.send("POST", path).require(200)
        eventually(self._is_confirmed)
        self.night.paid.append(self._order)

    def _is_confirmed(self) -> bool:
        return bool(self._buyer.api.order(self._order).require(200)["status"] == "CONFIRMED")


class KilledFunction(Incident):
    """The process of a function is killed while a buyer's order is being placed."""

    name = "A function is killed while it places an order"
    words = r"Functions failed or killed\s+most [1-9].*"
    panel = "trends"
    within_seconds = 700
    mend_text = "the buyer sends the same key again: one order"
    ends_shown = True

    def cause(self) -> None:
        self._buyer, self._product, self._key = self.night.buyer(), self.night.product(), _key()
        with self.night.stack.database() as database, ThreadPoolExecutor(1) as threads:
            database.run("BEGIN")
            sql = "SELECT 1 FROM stock WHERE product_id = CAST(:id AS uuid) FOR UPDATE"
            database.run(sql, id=self._product)
            placing = threads.submit(self._place_and_see_status)
            self._kill(database)
            database.run("ROLLBACK")
            assert placing.result() in (500, 502, 503, 504)

    def _place_and_see_status(self) -> int:
        """Place the order by a client that takes an answer of the gateway's own, too."""
        api = self._buyer.api
        answer = urllib3.request(
            "POST",
            f"{api.base_url}/orders",
            json=an_order((self._product, 1)),
            headers={"Authorization": f"Bearer {api.token}", "Idempotency-Key": self._key},
            retries=False,
        )
        return answer.status

    def _place(self) -> Any:
        return self._buyer.api.place_order((self._product, 1), key=self._key)

    def _kill(self, database: pg8000.native.Connection) -> None:
        sql = (
            "SELECT client_port FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        [port] = eventually(lambda: (database.run(sql) or [None])[0])
        worker = self.night.stack.worker_on_port(port)
        assert worker is not None, NO_PROCESS
        worker.kill()

    def mend(self) -> None:
        placed = self._place()
        assert placed.status == 201, placed
        listed = self._buyer.api.orders().require(200)["items"]
        assert [each["order_id"] for each in listed] == [placed.json["order_id"]]
        self.night.paid.append(placed.json["order_id"])


class RefusingDatabase(Incident):
    """PostgreSQL takes no connection: nothing can be read or sold."""

    name = "The database refuses connections"
    words = r"answers? missing|Not updated for"
    within_seconds = 120
    mend_text = "connections allowed again: pages and orders work without a restart"
    over_within_seconds = 120

    def cause(self) -> None:
        [[self._database]] = self.night.run("SELECT current_database()")
        self._allow(is_allowed=False)

    def _allow(self, *, is_allowed: bool) -> None:
        with self.night.stack.database(name="postgres") as other:
            other.run(f"ALTER DATABASE {self._database} ALLOW_CONNECTIONS {is_allowed}")
            sessions = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            )
            if not is_allowed:
                other.run(sessions, name=self._database)

    def mend(self) -> None:
        self._allow(is_allowed=True)
        self.night.order()


def _key() -> str:
    return secrets.token_hex(16)


def _close(page: Any) -> None:
    if page.get_by_role("dialog").count():
        page.keyboard.press("Escape")
    time.sleep(1)


SLOW: tuple[type[Incident], ...] = (AlteredStock, EmptiedValkey, UnknownPayment, StoppedPayments)
"""Begin first, together: their signals come by schedules of minutes."""
QUICK: tuple[type[Incident], ...] = (
    LeakedToken,
    QuarantinedEvent,
    StuckRelay,
    DeadDelivery,
    KilledFunction,
)
LAST: tuple[type[Incident], ...] = (FailingConsumer, RefusingDatabase)
"""Of which each would hide others while it lasts."""
