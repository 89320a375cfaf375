"""Card payments through the functions' handlers."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import UUID

import urllib3

from commerce.app.transactions import in_transaction
from commerce.payment import MAX_DECLINES, Payment
from commerce.payment.signature import CALLBACK_HEADERS
from commerce.runtime.db.current import database
from commerce.shared import clock
from infra.local.ports import LOOPBACK
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import (
    Answer,
    bus_message,
    call,
    function,
    http_event,
    lambda_context,
    sqs_event,
)
from tests.support.orders import events_of
from tests.support.other_connection import wait_until
from tests.support.shop import Person, a_key, require_own_shop

CARD_NO = "4111-2222-3333-9876"
CALLBACKS = "/payments/callbacks"


def place_by_card(
    buyer: Person, *lines: tuple[str, int], points: int | None = None, key: str | None = None
) -> Answer:
    """POST /orders, to be paid by card: (product, quantity) each."""
    body: dict[str, Any] = {
        "lines": [{"product_id": id_, "quantity": quantity} for id_, quantity in lines],
        "payment_method": "CARD",
    }
    if points is not None:
        body["points"] = points
    return call(
        "order/place_order", "POST", "/orders", body=body, token=buyer.token, key=key or a_key()
    )


def a_card_order(buyer: Person, product_id: str, points: int | None = None) -> str:
    """An order of one unit that waits for its card; returns its id."""
    answer = place_by_card(buyer, (product_id, 1), points=points)
    assert answer.status == 201, answer.json
    return str(answer.json["order_id"])


def pay(buyer: Person, order_id: str, *, key: str | None = None, **card: str) -> Answer:
    """POST /payments."""
    body = {"order_id": order_id, **a_card(**card)}
    return call(
        "payment/pay_order", "POST", "/payments", body=body, token=buyer.token, key=key or a_key()
    )


def a_card(**card: str) -> dict[str, str]:
    """The fields of a card: by its number where no token is named."""
    number = {} if "payment_token" in card else {"card_no": CARD_NO}
    return {"card_type": "KB", **number, **card}


def a_token(gateway: RunningGateway, card_no: str = CARD_NO, card_type: str = "KB") -> str:
    """A token of a card, as the gateway makes it for browsers."""
    body = json.dumps({"cardType": card_type, "cardNo": card_no})
    answer = urllib3.request("POST", f"{gateway.url}/api/v1/tokens", body=body, retries=False)
    return str(answer.json()["data"]["token"])


def use_up_tries(gateway: RunningGateway, buyer: Person, order_id: str) -> None:
    """Pay with cards that are refused at once, as often as an order may be declined."""
    gateway.behave("refuse")
    for _ in range(MAX_DECLINES):
        answer = pay(buyer, order_id)
        assert (answer.status, answer.json["status"]) == (201, "FAILED"), answer.json
    gateway.behave("healthy")


def sync(admin: Person, payment_id: str) -> Answer:
    """POST /admin/payments/{payment_id}/sync."""
    path = f"/admin/payments/{payment_id}/sync"
    return call("payment/sync_payment", "POST", path, token=admin.token)


def reconcile() -> dict[str, int]:
    """Run the reconciler, for which no payment is too young, on a shop of the test's own."""
    require_own_shop()
    done: dict[str, int] = function("payment/every_minute_reconcile")({}, lambda_context(60))
    return done


def expire() -> dict[str, int]:
    """Run the expiry of orders, of which none fails, on a shop of the test's own."""
    require_own_shop()
    done: dict[str, int] = function("order/every_minute_expire")({}, lambda_context(60))
    assert done.pop("failed") == 0
    return done


def payments_of(order_id: str) -> list[Payment]:
    """The order's payments, oldest first."""
    return in_transaction(lambda shop: shop.payments.of_subject(UUID(order_id)))


def statuses_of(order_id: str) -> list[str]:
    """Return the statuses of the order's payments."""
    return [each.status.value for each in payments_of(order_id)]


def events_of_payments(order_id: str) -> list[dict[str, Any]]:
    """Return the events of the order's payments, in their order."""
    return [
        dict(event) for payment in payments_of(order_id) for event in events_of(str(payment.id))
    ]


def types_of_payments(order_id: str) -> list[str]:
    """The types of these events."""
    return [event["type"] for event in events_of_payments(order_id)]


CONSUMERS = {
    "PaymentSucceeded": "order/on_payment_succeeded",
    "PaymentFailed": "order/on_payment_failed",
    "OrderCancelled": "payment/on_paid_order_cancelled",
    "OrderLinesCancelled": "payment/on_paid_order_cancelled",
    "ReturnReceived": "payment/on_paid_order_cancelled",
    "OrderRefunded": "payment/on_paid_order_cancelled",
}


def consume(name: str, envelope: dict[str, Any]) -> bool:
    """Hand one event to a function as SQS does; return whether it was consumed."""
    answer = function(name)(sqs_event(bus_message(envelope)), lambda_context(60))
    return not answer["batchItemFailures"]


def follow(order_id: str) -> None:
    """Let every event of the order and its payments reach its consumer, until nothing is new."""
    seen: set[str] = set()
    while True:
        envelopes = [*events_of_payments(order_id), *map(dict, events_of(order_id))]
        new = [each for each in envelopes if each["id"] not in seen and each["type"] in CONSUMERS]
        if not new:
            return
        for envelope in new:
            seen.add(envelope["id"])
            assert consume(CONSUMERS[envelope["type"]], envelope), envelope


def settled(order_id: str, *statuses: str, within_seconds: float = 10) -> None:
    """Wait until the order's payments have these statuses."""
    wait_until(lambda: statuses_of(order_id) == list(statuses), timeout_seconds=within_seconds)


def a_callback(gateway: RunningGateway, transaction: Mapping[str, Any], **changed: Any) -> Answer:
    """Post a signed callback about a transaction, perhaps with changed fields."""
    fields = {"cardType": "KB", "cardNo": "****", "reason": None, **transaction, **changed}
    body = json.dumps(fields).encode()
    return receive(CALLBACK_HEADERS.signed(body, gateway.secret, clock.now()), body)


def receive(headers: dict[str, str], body: bytes) -> Answer:
    """POST /payments/callbacks with the very bytes."""
    return call(
        "payment/receive_callback", "POST", CALLBACKS, raw_body=body.decode(), headers=headers
    )


class _Quiet(BaseHTTPRequestHandler):
    """A handler that logs nothing."""

    def body(self) -> bytes:
        """The request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def answer(self, status: int, body: bytes) -> None:
        """Send an answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer((LOOPBACK, 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def callbacks_received() -> Iterator[str]:
    """Serve the callback function over HTTP, as API Gateway does, on a free port; its URL."""

    class Receiver(_Quiet):
        def do_POST(self) -> None:
            event = http_event(
                "POST", CALLBACKS, raw_body=self.body().decode(), headers=dict(self.headers.items())
            )
            try:
                answer = function("payment/receive_callback")(event, lambda_context())
            finally:
                database().close()  # each request has a thread, and so a connection, of its own
            self.answer(answer["statusCode"], answer["body"].encode())

    with _served(Receiver) as url:
        yield url + CALLBACKS


@contextmanager
def failing_after(gateway: RunningGateway, wait: Callable[[], object]) -> Iterator[str]:
    """Serve the gateway so that a payment which it took is answered 500, once `wait` returns."""

    class FrontEnd(_Quiet):
        def do_POST(self) -> None:
            taken = self._forward()
            try:
                wait()
            finally:
                database().close()
            self.answer(500 if taken.status < 300 else taken.status, b"{}")

        def do_GET(self) -> None:
            found = self._forward()
            self.answer(found.status, found.data)

        def _forward(self) -> urllib3.BaseHTTPResponse:
            kept = ("X-USER-ID", "Content-Type")
            headers = {name: self.headers[name] for name in kept if name in self.headers}
            return urllib3.request(
                self.command, gateway.url + self.path, body=self.body(), headers=headers
            )

    with _served(FrontEnd) as url:
        yield url
