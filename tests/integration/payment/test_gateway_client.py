"""The gateway's client: whatever the gateway does, nobody is charged twice or waits for long."""

import json
import logging
import socketserver
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import parse_headers
from uuid import UUID, uuid4

import pytest

from commerce.payment.breaker import Policy
from commerce.payment.card import Card, CardType
from commerce.payment.gateway import (
    HttpPaymentGateway,
    NotRefunded,
    NotTaken,
    OrderTransaction,
    PaymentGatewayUnavailable,
    Refunded,
    Taken,
    TransactionStatus,
    Unknown,
)
from commerce.payment.transport import READ_SECONDS
from commerce.runtime.deadline import Deadline
from commerce.shared.errors import Unavailable
from infra.local.ports import LOOPBACK, Ports
from tests.support.breakers import WatchedBreaker
from tests.support.gateway import AlwaysClosed, RunningGateway, a_gateway

NUMBER = "1234-5678-9012-3456"
CARD = Card(CardType.KB, NUMBER)
NOBODY = "http://127.0.0.1:9/callbacks"


@dataclass(slots=True)
class Buyer:
    """Somebody with an order to pay, and what the breaker received of it."""

    url: str
    breaker: AlwaysClosed = field(default_factory=AlwaysClosed)
    order_id: UUID = field(default_factory=uuid4)
    user_id: UUID = field(default_factory=uuid4)

    @property
    def client(self) -> HttpPaymentGateway:
        return HttpPaymentGateway(self.url, self.breaker)

    def pay(
        self, deadline: Deadline | None = None, known: tuple[str, ...] = ()
    ) -> Taken | NotTaken | Unknown:
        return self.client.request(
            self.order_id, self.user_id, 700, CARD, NOBODY, deadline, lambda: known
        )

    def listed(self) -> list[OrderTransaction]:
        return list(self.client.find_by_order(self.order_id, self.user_id))

    @property
    def failures(self) -> list[str | None]:
        return [call.failure for call in self.breaker.reported]


@pytest.fixture
def gateway() -> Iterator[RunningGateway]:
    """A gateway that is well."""
    with a_gateway("healthy") as running:
        yield running


@pytest.fixture
def buyer(gateway: RunningGateway) -> Buyer:
    """A buyer of that gateway's."""
    return Buyer(gateway.url)


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives these answers, one per connection; yields its URL and the requests.

    A request is its first line and its whole body, which may come in several pieces.
    """
    received: list[bytes] = []
    left = list(answers)

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line, headers = self.rfile.readline(), parse_headers(self.rfile)
            received.append(line + self.rfile.read(int(headers.get("Content-Length", 0))))
            for part in left.pop(0).split(b"|pause|"):
                self.wfile.write(part)
                time.sleep(0.3)

    with socketserver.ThreadingTCPServer((LOOPBACK, 0), Talk) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_address[1]}", received
        finally:
            server.shutdown()
            thread.join()


def http(status: str, body: object = None) -> bytes:
    """An HTTP answer with this body."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    return head.encode() + content


def says_no(code: str) -> dict[str, object]:
    return {"meta": {"result": "FAIL", "errorCode": code, "message": "no"}, "data": None}


def says(data: object) -> dict[str, object]:
    return {"meta": {"result": "SUCCESS", "errorCode": None, "message": None}, "data": data}


NOTHING_THERE = http("404 Not Found", says_no("NOT_FOUND"))


def test_a_healthy_gateway_takes_and_shows_a_payment(gateway: RunningGateway, buyer: Buyer) -> None:
    taken = buyer.pay()
    [held] = gateway.transactions(buyer.order_id)
    assert taken == Taken(held["transactionKey"])
    assert (held["userId"], held["amount"]) == (str(buyer.user_id), 700)
    assert held["cardNo"] == "****-****-****-3456"
    found = buyer.client.find(held["transactionKey"])
    assert found is not None
    assert (found.order_id, found.amount) == (str(buyer.order_id), 700)
    assert [each.transaction_key for each in buyer.listed()] == [held["transactionKey"]]
    assert buyer.failures == [None]


def test_an_unknown_transaction_is_none(buyer: Buyer) -> None:
    assert buyer.client.find("TR-0/../x?y") is None
    assert list(buyer.client.find_by_order(buyer.order_id, buyer.user_id)) == []


def test_a_declined_card_is_not_retried_nor_counted_as_a_failure(
    gateway: RunningGateway, buyer: Buyer
) -> None:
    gateway.behave("refuse")
    assert buyer.pay() == NotTaken("INVALID_CARD", refused=True)
    assert gateway.outcomes(buyer.order_id) == ["refused"]
    assert buyer.failures == [None]


def test_a_third_try_succeeds_after_two_failures(gateway: RunningGateway, buyer: Buyer) -> None:
    gateway.behave("error", times=2)
    assert isinstance(buyer.pay(), Taken)
    assert gateway.outcomes(buyer.order_id) == ["failed", "failed", "taken"]
    assert gateway.outcomes(buyer.order_id, "GET") == ["not found", "not found"]
    assert buyer.failures == [None]  # what was made good is not held against it


def test_three_failures_end_the_request(gateway: RunningGateway, buyer: Buyer) -> None:
    gateway.behave("error")
    assert buyer.pay() == NotTaken("it answered 500")
    assert gateway.outcomes(buyer.order_id) == ["failed"] * 3
    assert gateway.transactions() == []
    assert buyer.failures == ["HTTP 500"] * 3


def test_a_time_out_is_unknown_and_not_retried(gateway: RunningGateway, buyer: Buyer) -> None:
    gateway.behave("hang", times=1)
    assert buyer.pay() == Unknown("no answer in time")
    assert gateway.outcomes(buyer.order_id) == ["hung"]  # a second try would have been taken
    assert buyer.failures == ["no answer in time"]


def test_a_timed_out_charge_is_unknown_and_found_by_its_order(
    gateway: RunningGateway, buyer: Buyer
) -> None:
    gateway.behave("charge_then_hang")
    assert isinstance(buyer.pay(Deadline.within(1.2)), Unknown)
    [held] = gateway.transactions(buyer.order_id)
    assert buyer.listed() == [
        OrderTransaction(held["transactionKey"], TransactionStatus.SUCCESS, None)
    ]


def test_a_slow_answer_is_accepted(gateway: RunningGateway, buyer: Buyer) -> None:
    gateway.behave("slow", seconds=2.2)
    assert isinstance(buyer.pay(), Taken)
    [call] = buyer.breaker.reported
    assert call.seconds > 2.2


def test_a_refused_connection_is_retried_and_takes_nothing() -> None:
    buyer = Buyer(f"http://{LOOPBACK}:{Ports.free().gateway}")
    assert buyer.pay() == NotTaken("no connection")
    assert buyer.failures == ["no connection"] * 3
    with pytest.raises(PaymentGatewayUnavailable, match="not reached: no connection"):
        buyer.client.find("TR-1")


def test_a_charge_answered_500_is_not_repeated() -> None:
    shown = says({"orderId": "o", "transactions": [
        {"transactionKey": "TR-old", "status": "FAILED", "reason": "INVALID_CARD"},
        {"transactionKey": "TR-new", "status": "PENDING", "reason": None},
    ]})  # fmt: skip
    with answering(http("500 X"), http("200 OK", shown)) as (url, received):
        assert Buyer(url).pay() == Taken("TR-new")
    assert [each[:4] for each in received] == [b"POST", b"GET "]


def test_an_earlier_payments_transaction_is_not_matched() -> None:
    shown = says({"transactions": [{"transactionKey": "TR-1", "status": "FAILED", "reason": None}]})
    taken = http("200 OK", says({"transactionKey": "TR-2", "status": "PENDING"}))
    with answering(http("500 X"), http("200 OK", shown), taken) as (url, received):
        assert Buyer(url).pay(known=("TR-1",)) == Taken("TR-2")
    assert len(received) == 3


def test_a_failure_is_unknown_where_the_other_payments_cannot_be_read() -> None:
    def unavailable() -> tuple[str, ...]:
        raise Unavailable

    shown = says(
        {"transactions": [{"transactionKey": "TR-1", "status": "PENDING", "reason": None}]}
    )
    with answering(http("500 X"), http("200 OK", shown)) as (url, _):
        buyer = Buyer(url)
        outcome = buyer.client.request(
            buyer.order_id, buyer.user_id, 700, CARD, NOBODY, known=unavailable
        )
    assert isinstance(outcome, Unknown)


@pytest.mark.parametrize(
    "after_500",
    [http("200 OK", b"what?"), http("404 Not Found", b"no such host here"), http("403 X"), b""],
    ids=["rubbish", "a proxy's 404", "forbidden", "nothing"],
)
def test_a_failure_that_cannot_be_verified_is_unknown(after_500: bytes) -> None:
    with answering(http("500 X"), *[after_500] * 3) as (url, received):
        assert isinstance(Buyer(url).pay(), Unknown)
    assert [each[:4] for each in received].count(b"POST") == 1


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b"what?"),
        http("200 OK", says({"status": "PENDING"})),
        http("200 OK", says_no("HM")),
        http("504 Gateway Timeout", says_no("TIMEOUT")),
        http("302 Found", b""),
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"\x00\xff" * 50,
    ],
    ids=["rubbish", "no key", "a no that is a yes", "504", "elsewhere", "nothing", "half", "noise"],
)
def test_an_unclear_answer_is_unknown(answer: bytes) -> None:
    with answering(answer) as (url, received):
        assert isinstance(Buyer(url).pay(), Unknown)
    assert len(received) == 1


@pytest.mark.parametrize("status", ["401 X", "403 X", "404 X", "429 X", "400 X"])
def test_a_refusal_that_is_not_a_decline_leaves_the_order_payable(status: str) -> None:
    body = b"a proxy's page" if status == "400 X" else says_no("NO")
    with answering(*[http(status, body)] * 3) as (url, _):
        buyer = Buyer(url)
        outcome = buyer.pay()
    assert isinstance(outcome, NotTaken)
    assert not outcome.refused
    assert buyer.failures == [f"HTTP {status[:3]}"] * 3


def test_redirects_are_not_followed_with_a_card(gateway: RunningGateway) -> None:
    moved = b"HTTP/1.1 307 X\r\nLocation: " + gateway.url.encode() + b"/api/v1/payments\r\n\r\n"
    with answering(moved) as (url, _):
        assert isinstance(Buyer(url).pay(), Unknown)
    assert gateway.outcomes() == []


def test_a_trickling_answer_times_out_after_three_seconds() -> None:
    trickle = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"{|pause|" * 100
    with answering(trickle) as (url, _):
        buyer = Buyer(url)
        assert buyer.pay(Deadline.within(1.5)) == Unknown("an answer without end")
    assert len(buyer.breaker.reported) == 1


def test_no_try_starts_without_enough_time(gateway: RunningGateway, buyer: Buyer) -> None:
    assert buyer.pay(Deadline.within(0.5)) == NotTaken("NO_TIME_LEFT")
    assert gateway.outcomes() == []
    assert buyer.failures == []
    with pytest.raises(PaymentGatewayUnavailable, match="no time left"):
        buyer.client.find("TR-1", Deadline.within(0))


def test_every_step_is_bounded_by_the_deadline() -> None:
    """A first try that fails late leaves the second one less than the usual three seconds."""
    late_500 = b"|pause|" * 5 + http("500 X")
    with answering(late_500, NOTHING_THERE, b"|pause|" * 30) as (url, received):
        buyer = Buyer(url)
        assert isinstance(buyer.pay(Deadline.within(3.0)), Unknown)
    assert len(received) == 3
    assert buyer.failures == ["HTTP 500", "no answer in time"]
    assert buyer.breaker.reported[-1].seconds < READ_SECONDS - 0.5


def test_a_refund_is_made_once(gateway: RunningGateway, buyer: Buyer) -> None:
    taken = buyer.pay()
    assert isinstance(taken, Taken)
    key = taken.transaction_key
    _settled(gateway, buyer)

    with ThreadPoolExecutor(8) as pool:
        refunds = set(pool.map(lambda _: buyer.client.refund(key, "one", 300), range(8)))

    [refund] = refunds
    assert isinstance(refund, Refunded)
    found = buyer.client.find(key)
    assert found is not None
    assert found.refunded == 300
    assert isinstance(buyer.client.refund(key, "two", 400), Refunded)
    assert buyer.client.refund(key, "three", 1) == NotRefunded("REFUND_EXCEEDS_CHARGE")
    assert buyer.client.refund("TR-0", "one", 700) == NotRefunded("NOT_FOUND")


def test_a_failed_refund_is_retried_and_a_hanging_one_is_unknown(
    gateway: RunningGateway, buyer: Buyer
) -> None:
    taken = buyer.pay()
    assert isinstance(taken, Taken)
    _settled(gateway, buyer)
    gateway.behave("hang", on="refunds")
    key = taken.transaction_key
    assert isinstance(buyer.client.refund(key, "all", 700, Deadline.within(0.5)), Unknown)
    gateway.behave("error", on="refunds")
    assert isinstance(buyer.client.refund(key, "all", 700), Unknown)
    gateway.behave("healthy")
    gateway.behave("error", times=2, on="refunds")
    assert isinstance(buyer.client.refund(key, "all", 700), Refunded)


def test_queries_are_retried_after_failures_but_not_after_a_time_out(
    gateway: RunningGateway, buyer: Buyer
) -> None:
    gateway.behave("error", times=2, on="queries")
    assert buyer.listed() == []
    gateway.behave("error", on="queries")
    with pytest.raises(PaymentGatewayUnavailable, match="answered 500"):
        buyer.client.find("TR-1")
    gateway.behave("hang", on="queries")
    with pytest.raises(PaymentGatewayUnavailable, match="no answer in time"):
        buyer.client.find("TR-1", Deadline.within(0.5))
    assert gateway.outcomes(buyer.order_id, "GET") == ["failed", "failed", "not found"]


def test_an_open_breaker_sends_nothing_to_the_gateway(
    shop_environment: None, gateway: RunningGateway
) -> None:
    breaker = WatchedBreaker(policy=Policy(open_seconds=30))
    client = HttpPaymentGateway(gateway.url, breaker)

    def pay() -> Taken | NotTaken | Unknown:
        return client.request(uuid4(), uuid4(), 700, CARD, NOBODY)

    gateway.behave("error")
    while not breaker.changes:
        assert pay() == NotTaken("it answered 500")
    assert gateway.outcomes() == ["failed"] * 12  # with the fourth request there are ten and more
    outcome = pay()
    assert isinstance(outcome, NotTaken)
    assert outcome.reason == "CIRCUIT_OPEN"
    assert 25 <= outcome.retry_after_seconds <= 30
    assert gateway.outcomes() == ["failed"] * 12
    assert client.find("TR-1") is None  # who only asks is always let through


def test_a_trial_is_one_call_and_two_successes_close_the_breaker(
    shop_environment: None, gateway: RunningGateway
) -> None:
    breaker = WatchedBreaker()
    client = HttpPaymentGateway(gateway.url, breaker)

    def pay() -> Taken | NotTaken | Unknown:
        deadline = time.monotonic() + 5
        while (outcome := client.request(uuid4(), uuid4(), 700, CARD, NOBODY)) == NotTaken(
            "CIRCUIT_OPEN", retry_after_seconds=1
        ):
            assert time.monotonic() < deadline
        return outcome

    gateway.behave("error")
    while not breaker.changes:
        pay()
    before = len(gateway.outcomes())
    assert pay() == NotTaken("it answered 500")
    assert len(gateway.outcomes()) == before + 1
    assert breaker.states[1:] == [("open", "half-open"), ("half-open", "open")]
    gateway.behave("healthy")
    assert isinstance(pay(), Taken)
    assert isinstance(pay(), Taken)
    assert breaker.states[3:] == [("open", "half-open"), ("half-open", "closed")]


def test_the_card_number_is_only_in_the_request(
    gateway: RunningGateway, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for logger in ("commerce", "urllib3"):
        logging.getLogger(logger).addHandler(caplog.handler)
    outcomes: list[object] = []
    try:
        for mode in ("healthy", "refuse", "error", "hang"):
            gateway.behave(mode)
            outcomes.append(Buyer(gateway.url).pay(Deadline.within(1.5)))
        outcomes.append(Buyer(f"http://{LOOPBACK}:{Ports.free().gateway}").pay())
        with answering(b"") as (url, received):
            outcomes.append(Buyer(url).pay())
    finally:
        for logger in ("commerce", "urllib3"):
            logging.getLogger(logger).removeHandler(caplog.handler)
    assert NUMBER.encode() in received[0]
    output = caplog.text + "".join(capfd.readouterr()) + repr(outcomes) + repr(CARD) + str(CARD)
    assert "it answered 500" in output
    for part in ("1234-5678", "5678-9012", "9012-3456"):
        assert part not in output
    assert CARD.last4 == "3456"


def _settled(gateway: RunningGateway, buyer: Buyer) -> None:
    deadline = time.monotonic() + 5
    while gateway.transactions(buyer.order_id)[0]["status"] == "PENDING":
        assert time.monotonic() < deadline
        time.sleep(0.01)
