"""The gateway simulator keeps to the contract that the payment context is written against."""

import hashlib
import hmac
import json
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import urllib3

from infra.local.gateway import Behaviour, Gateway, GatewayServer, gateway_secret, start_gateway
from infra.local.gateway.behaviour import Odds, Settlement
from infra.local.gateway.system import PaymentRequest
from infra.local.json_server import Answer, JsonHandler, JsonServer, Route
from infra.local.ports import Ports

SECRET = "shared"
FAST = 0.01
CARD = {"cardType": "KB", "cardNo": "1234-5678-9012-3456"}
Reply = tuple[int, dict[str, Any]]


@dataclass(slots=True)
class Shop:
    """A caller of the gateway, who is called back."""

    url: str
    callback_url: str = "http://127.0.0.1:9/nobody"
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=10, maxsize=64)
    )

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body)
        answer = self.http.request(method, self.url + path, body=content, headers=headers)
        return answer.status, answer.json()

    def pay(self, order_id: str, user_id: str = "u1", *, amount: int = 500, **more: Any) -> Reply:
        body = {"orderId": order_id, "amount": amount, "callbackUrl": self.callback_url, **CARD}
        return self.ask("POST", "/api/v1/payments", {**body, **more}, **{"X-USER-ID": user_id})

    def key_of(self, reply: Reply) -> str:
        status, answer = reply
        assert status == 200, answer
        assert answer["meta"] == {"result": "SUCCESS", "errorCode": None, "message": None}
        key: str = answer["data"]["transactionKey"]
        return key

    def payment(self, key: str) -> dict[str, Any]:
        status, answer = self.ask("GET", f"/api/v1/payments/{key}")
        assert status == 200, answer
        data: dict[str, Any] = answer["data"]
        return data

    def settled(self, key: str) -> dict[str, Any]:
        eventually(lambda: self.payment(key)["status"] != "PENDING")
        return self.payment(key)

    def behave(self, **behaviour: object) -> None:
        status, answer = self.ask("PUT", "/behaviour", behaviour)
        assert status == 200, answer

    def held(self, order_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.ask("GET", f"/transactions?orderId={order_id}")[1][
            "items"
        ]
        return items

    def outcomes(self, order_id: str) -> list[str]:
        _, answer = self.ask("GET", f"/requests?orderId={order_id}")
        return [each["outcome"] for each in answer["items"]]

    def amounts_told(self, order_id: str) -> list[int]:
        told = [json.loads(body) for _, body in list(self.told)]
        return [each["amount"] for each in told if each["orderId"] == order_id]


def eventually(holds: Callable[[], bool], within_seconds: float = 10) -> None:
    deadline = time.monotonic() + within_seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert holds()


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Serve for as long as the block runs."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def a_shop(gateway: Gateway) -> Iterator[Shop]:
    """A shop that listens for callbacks, and the gateway's address."""
    server = GatewayServer(gateway, 0)
    with listening() as (callback_url, told), serving(server):
        try:
            yield Shop(f"http://127.0.0.1:{server.server_port}", callback_url, told)
        finally:
            gateway.close()


@contextmanager
def listening() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Listen for callbacks; yields where, and what came."""
    told: list[tuple[dict[str, str], bytes]] = []

    class Callback(JsonHandler):
        def route(self, method: str, path: str) -> Route | None:
            return self._hear

        def _hear(self) -> Answer:
            self._body_is_read = True
            told.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            return HTTPStatus.OK, {}

    server = JsonServer(Callback, 0)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}/callbacks", told


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop, and a gateway that is well."""
    gateway = Gateway(SECRET, time_scale=FAST)
    gateway.change_behaviour(Behaviour("healthy"))
    with a_shop(gateway) as shop:
        yield shop


def test_a_payment_is_charged_and_called_back_once_with_a_signature(shop: Shop) -> None:
    status, answer = shop.pay("order-1", amount=1200)
    assert (status, answer["data"]["status"]) == (200, "PENDING")

    key = shop.key_of((status, answer))
    assert shop.settled(key) == {
        "transactionKey": key,
        "orderId": "order-1",
        "cardType": "KB",
        "cardNo": "****-****-****-3456",
        "amount": 1200,
        "status": "SUCCESS",
        "reason": None,
        "refunds": [],
    }
    eventually(lambda: len(shop.held("order-1")[0]["callbacks"]) == 1)
    [(headers, body)] = shop.told
    assert json.loads(body) == shop.payment(key)
    timestamp = headers["X-Gateway-Timestamp"]
    expected = hmac.new(SECRET.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    assert headers["X-Gateway-Signature"] == expected.hexdigest()
    assert abs(int(timestamp) - time.time()) < 60


def test_an_order_shows_its_payments_without_amounts(shop: Shop) -> None:
    keys = [shop.key_of(shop.pay("order-1")), shop.key_of(shop.pay("order-1"))]
    shop.pay("order-2")
    for key in keys:
        shop.settled(key)

    status, answer = shop.ask("GET", "/api/v1/payments?orderId=order-1")

    assert (status, answer["data"]["orderId"]) == (200, "order-1")
    assert answer["data"]["transactions"] == [
        {"transactionKey": key, "status": "SUCCESS", "reason": None} for key in keys
    ]
    assert len(set(keys)) == 2


def test_unknown_and_other_users_payments_are_not_found(shop: Shop) -> None:
    key = shop.key_of(shop.pay("order-1", "u1"))
    for path in ("/api/v1/payments?orderId=nobody", "/api/v1/payments/TR-0"):
        status, answer = shop.ask("GET", path)
        assert (status, answer["meta"]["errorCode"]) == (404, "NOT_FOUND")
        assert answer["data"] is None
    for path in ("/api/v1/payments?orderId=order-1", f"/api/v1/payments/{key}"):
        assert shop.ask("GET", path, **{"X-USER-ID": "u1"})[0] == 200
        assert shop.ask("GET", path, **{"X-USER-ID": "u2"})[0] == 404


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({"orderId": "short"}, "orderId"),
        ({"orderId": 123456}, "orderId"),
        ({"cardType": "VISA"}, "cardType"),
        ({"cardNo": "1234567890123456"}, "cardNo"),
        ({"cardNo": "1234-5678-9012-345٦"}, "cardNo"),
        ({"amount": 0}, "amount"),
        ({"amount": -5}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": True}, "amount"),
        ({"callbackUrl": "ftp://x"}, "callbackUrl"),
        ({"callbackUrl": None}, "callbackUrl"),
    ],
)
def test_an_invalid_request_is_refused_and_not_stored(
    shop: Shop, wrong: dict[str, Any], detail: str
) -> None:
    status, answer = shop.pay(**{"order_id": "order-1", **wrong})
    assert (status, answer["meta"]["result"]) == (400, "FAIL")
    assert detail in answer["meta"]["message"]
    assert answer["data"] is None
    assert shop.ask("GET", "/transactions")[1] == {"items": []}


def test_a_request_without_a_user_is_refused(shop: Shop) -> None:
    body = {"orderId": "order-1", "amount": 5, "callbackUrl": "http://x", **CARD}
    status, answer = shop.ask("POST", "/api/v1/payments", body)
    assert (status, answer["meta"]["message"]) == (400, "the header X-USER-ID is missing")


def test_a_refund_is_given_once_and_shown(shop: Shop) -> None:
    key = shop.key_of(shop.pay("order-1", amount=700))
    shop.settled(key)

    with ThreadPoolExecutor(8) as pool:
        path = f"/api/v1/payments/{key}/refunds"
        body = {"refundKey": "all", "amount": 700}
        replies = list(pool.map(lambda _: shop.ask("POST", path, body), range(8)))

    assert {status for status, _ in replies} == {200}
    [refund] = {json.dumps(answer["data"]) for _, answer in replies}
    made = json.loads(refund)
    at = made.pop("refundedAt")
    assert made == {
        "transactionKey": key,
        "refundKey": "all",
        "amount": 700,
        "status": "REFUNDED",
    }
    shown = shop.payment(key)
    assert shown["status"] == "SUCCESS"
    assert shown["refunds"] == [
        {"refundKey": "all", "amount": 700, "status": "REFUNDED", "refundedAt": at}
    ]
    assert shop.held("order-1")[0]["refunded_at"] == at


def test_parts_are_refunded_up_to_the_charge_each_under_its_key(shop: Shop) -> None:
    key = shop.key_of(shop.pay("order-1", amount=700))
    shop.settled(key)

    def refund(refund_key: str, amount: int) -> tuple[int, str | None]:
        body = {"refundKey": refund_key, "amount": amount}
        status, answer = shop.ask("POST", f"/api/v1/payments/{key}/refunds", body)
        return status, answer["meta"]["errorCode"]

    assert refund("one", 300) == refund("one", 300) == (200, None)
    assert refund("one", 200) == (409, "REFUND_KEY_USED")
    assert refund("two", 401) == (409, "REFUND_EXCEEDS_CHARGE")
    assert shop.held("order-1")[0]["refunded_at"] is None
    assert refund("two", 400) == (200, None)
    assert refund("three", 1) == (409, "REFUND_EXCEEDS_CHARGE")
    shown = [(each["refundKey"], each["amount"]) for each in shop.payment(key)["refunds"]]
    assert shown == [("one", 300), ("two", 400)]


def test_only_a_charged_payment_is_refunded(shop: Shop) -> None:
    key = shop.key_of(shop.pay("order-1", amount=700))
    shop.settled(key)
    shop.behave(mode="healthy", result="LIMIT_EXCEEDED")
    failed = shop.key_of(shop.pay("order-2"))
    assert shop.settled(failed)["reason"] == "LIMIT_EXCEEDED"

    for path, body, expected in (
        (key, {"refundKey": "all", "amount": 701}, (409, "REFUND_EXCEEDS_CHARGE")),
        (key, {"refundKey": "all", "amount": 0}, (400, "INVALID_AMOUNT")),
        (key, {"refundKey": "all"}, (400, "INVALID_AMOUNT")),
        (key, {"amount": 700}, (400, "INVALID_REFUND_KEY")),
        (failed, {"refundKey": "all", "amount": 500}, (409, "NOT_REFUNDABLE")),
        ("TR-0", {"refundKey": "all", "amount": 500}, (404, "NOT_FOUND")),
    ):
        status, answer = shop.ask("POST", f"/api/v1/payments/{path}/refunds", body)
        assert (status, answer["meta"]["errorCode"]) == expected
    assert shop.payment(key)["refunds"] == []


def test_mode_refuse_declines_the_card_and_stores_nothing(shop: Shop) -> None:
    shop.behave(mode="refuse", times=1)
    status, answer = shop.pay("order-1")
    assert (status, answer["meta"]["errorCode"]) == (400, "INVALID_CARD")
    assert shop.held("order-1") == []
    assert shop.pay("order-1")[0] == 200
    assert shop.outcomes("order-1") == ["refused", "taken"]


def test_mode_error_answers_500_and_stores_nothing(shop: Shop) -> None:
    shop.behave(mode="error", times=2)
    assert [shop.pay("order-1")[0] for _ in range(3)] == [500, 500, 200]
    assert len(shop.held("order-1")) == 1
    assert shop.outcomes("order-1") == ["failed", "failed", "taken"]
    assert shop.ask("GET", "/requests")[1]["counts"] == {"POST failed": 2, "POST taken": 1}


def test_mode_hang_neither_answers_nor_stores_anything(shop: Shop) -> None:
    shop.behave(mode="hang", times=1)
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(shop.pay, "order-1")
        eventually(lambda: shop.outcomes("order-1") == ["hung"])
        assert shop.pay("order-2")[0] == 200  # only one was to hang
        shop.behave(mode="healthy")
        with pytest.raises(urllib3.exceptions.HTTPError):
            hanging.result(timeout=10)
    assert shop.held("order-1") == []


def test_mode_slow_answers_late_and_takes_the_payment(shop: Shop) -> None:
    shop.behave(mode="slow", times=1, seconds=0.4)
    started = time.monotonic()
    shop.key_of(shop.pay("order-1"))
    assert time.monotonic() - started >= 0.4


def test_mode_charge_then_hang_charges_and_never_answers(shop: Shop) -> None:
    shop.behave(mode="charge_then_hang", times=1)
    shop.http.connection_pool_kw["timeout"] = 0.3
    with pytest.raises(urllib3.exceptions.TimeoutError):
        shop.pay("order-1")
    shop.http.connection_pool_kw["timeout"] = 10
    [held] = shop.held("order-1")
    assert (held["status"], held["charged_at"] is not None) == ("SUCCESS", True)
    eventually(lambda: shop.amounts_told("order-1") == [500])


@pytest.mark.parametrize(
    ("mode", "amounts"),
    [("lose_callback", []), ("double_callback", [500, 500]), ("wrong_amount", [501])],
)
def test_callback_modes_lose_double_or_falsify_callbacks(
    shop: Shop, mode: str, amounts: list[int]
) -> None:
    shop.behave(mode=mode, times=1)
    key = shop.key_of(shop.pay("order-1"))
    fair = shop.key_of(shop.pay("order-2"))
    assert shop.settled(key)["amount"] == shop.settled(fair)["amount"] == 500
    eventually(lambda: shop.amounts_told("order-2") == [500])
    eventually(lambda: shop.amounts_told("order-1") == amounts)
    eventually(lambda: len(shop.held("order-1")[0]["callbacks"]) == len(amounts))
    callbacks = shop.held("order-1")[0]["callbacks"]
    assert [(each["amount"], each["answer"]) for each in callbacks] == [(a, 200) for a in amounts]


def test_a_callback_is_delayed_by_the_configured_seconds(shop: Shop) -> None:
    shop.behave(mode="delay_callback", times=1, seconds=0.5)
    key = shop.key_of(shop.pay("order-1"))
    shop.settled(key)
    charged = time.monotonic()
    assert shop.amounts_told("order-1") == []
    eventually(lambda: shop.amounts_told("order-1") == [500])
    assert time.monotonic() - charged > 0.3


def test_an_unanswered_callback_is_not_sent_again(shop: Shop) -> None:
    shop.key_of(shop.pay("order-1", callbackUrl="http://127.0.0.1:9/nobody"))
    eventually(lambda: len(shop.held("order-1")[0]["callbacks"]) == 1)
    assert shop.held("order-1")[0]["callbacks"][0]["answer"] == "NewConnectionError"
    shop.key_of(shop.pay("order-2"))
    eventually(lambda: len(shop.held("order-2")[0]["callbacks"]) == 1)
    assert len(shop.held("order-1")[0]["callbacks"]) == 1


@pytest.mark.parametrize("on", ["queries", "refunds", "all"])
def test_queries_and_refunds_fail_where_configured(shop: Shop, on: str) -> None:
    key = shop.key_of(shop.pay("order-1"))
    shop.settled(key)
    shop.behave(mode="error", on=on)
    statuses = {
        "payments": shop.pay("order-2")[0],
        "queries": shop.ask("GET", f"/api/v1/payments/{key}")[0],
        "refunds": shop.ask(
            "POST", f"/api/v1/payments/{key}/refunds", {"refundKey": "all", "amount": 500}
        )[0],
    }
    expected = {each: 500 if on in (each, "all") else 200 for each in statuses}
    assert statuses == expected


def test_a_counted_behaviour_returns_to_the_previous_one(shop: Shop) -> None:
    shop.behave(mode="error")
    shop.behave(mode="healthy", times=1)
    assert shop.ask("GET", "/behaviour")[1]["times"] == 1
    assert [shop.pay("order-1")[0] for _ in range(2)] == [200, 500]
    assert shop.ask("GET", "/behaviour")[1]["mode"] == "error"


@pytest.mark.parametrize(
    "behaviour",
    [
        {},
        {"mode": "explode"},
        {"mode": ["error"]},
        {"mode": "error", "times": 0},
        {"mode": "error", "times": 1.5},
        {"mode": "slow", "seconds": -1},
        {"mode": "slow", "seconds": "3"},
        {"mode": "default", "seed": "7"},
        {"mode": "error", "on": "everything"},
        {"mode": "lose_callback", "on": "queries"},
        {"mode": "healthy", "result": "PERHAPS"},
        {"mode": "healthy", "extra": 1},
    ],
)
def test_an_unknown_behaviour_is_refused_and_changes_nothing(
    shop: Shop, behaviour: dict[str, Any]
) -> None:
    assert shop.ask("PUT", "/behaviour", behaviour)[0] == 422
    assert shop.ask("GET", "/behaviour")[1]["mode"] == "healthy"


def test_reset_forgets_everything(shop: Shop) -> None:
    shop.pay("order-1")
    assert shop.ask("POST", "/reset", {}) == (200, {"status": "reset"})
    assert shop.ask("GET", "/transactions")[1] == {"items": []}
    assert shop.ask("GET", "/requests")[1] == {"items": [], "counts": {}}
    assert shop.ask("GET", "/behaviour")[1]["mode"] == "default"


def test_failure_rates_are_those_of_the_contract() -> None:
    odds = Odds(seed=1)
    draws = [odds.draw(f"order-{number}") for number in range(20_000)]

    results = Counter(draw.result for draw in draws)
    assert abs(sum(draw.is_error for draw in draws) / 20_000 - 0.4) < 0.02
    assert abs(results["SUCCESS"] / 20_000 - 0.7) < 0.02
    assert abs(results["LIMIT_EXCEEDED"] / 20_000 - 0.2) < 0.02
    assert abs(results["INVALID_CARD"] / 20_000 - 0.1) < 0.02
    for values, low, high in (
        ([draw.request_seconds for draw in draws], 0.1, 0.5),
        ([draw.result_seconds for draw in draws], 1, 5),
    ):
        assert low <= min(values) < low * 1.05
        assert high * 0.95 < max(values) <= high


def test_a_seed_gives_the_same_outcomes_for_any_ids_and_order() -> None:
    one_by_one, mixed = Odds(seed=7), Odds(seed=7)
    expected = [[one_by_one.draw(f"a{order}") for _ in range(3)] for order in range(50)]

    drawn: list[list[Any]] = [[mixed.draw(f"b{order}")] for order in range(50)]
    for _ in range(2):
        for order in reversed(range(50)):
            drawn[order].append(mixed.draw(f"b{order}"))

    assert drawn == expected
    assert drawn != [[Odds(seed=8).draw(f"a{order}") for _ in range(3)] for order in range(50)]


def test_only_the_default_mode_has_random_results() -> None:
    draw = next(d for d in map(Odds(seed=1).draw, map(str, range(100))) if d.result != "SUCCESS")
    assert Settlement.of(Behaviour("default"), draw, 1.0).result == draw.result
    assert Settlement.of(Behaviour("healthy"), draw, 1.0).result == "SUCCESS"


def test_by_default_some_requests_fail_before_anything_is_stored(shop: Shop) -> None:
    shop.behave(mode="default", seed=3)
    statuses = Counter(shop.pay(f"order-{number}")[0] for number in range(60))
    odds = Odds(seed=3)
    draws = [odds.draw(str(number)) for number in range(60)]
    assert statuses == Counter(500 if draw.is_error else 200 for draw in draws)
    assert set(statuses) == {200, 500}
    assert len(shop.ask("GET", "/transactions")[1]["items"]) == statuses[200]


def test_sixty_four_simultaneous_requests_are_all_served(shop: Shop) -> None:
    shop.behave(mode="slow", seconds=0.3)
    with ThreadPoolExecutor(64) as pool:
        replies = list(pool.map(lambda number: shop.pay(f"order-{number}"), range(64)))
    assert len({shop.key_of(reply) for reply in replies}) == 64


def test_a_restarted_gateway_settles_the_payments_it_had_taken(tmp_path: Path) -> None:
    port = Ports.free().gateway
    with listening() as (callback_url, told):
        server = start_gateway(tmp_path, port)
        try:
            shop = Shop(server.url, callback_url, told)
            shop.behave(mode="healthy")
            key = shop.key_of(shop.pay("order-1"))
            server.kill()  # the result takes a second or more
            with pytest.raises(urllib3.exceptions.NewConnectionError):
                shop.ask("GET", "/health")
        finally:
            server.stop()
        state = tmp_path / "gateway.jsonl"
        assert CARD["cardNo"][:14] not in state.read_text()
        with state.open("a") as file:
            file.write('{"transaction_key": "TR-ha')

        again = start_gateway(tmp_path, port)
        try:
            shop = Shop(again.url, callback_url, told)
            assert shop.settled(key)["status"] == "SUCCESS"
            eventually(lambda: shop.amounts_told("order-1") == [500])
        finally:
            again.stop()


def test_a_restarted_gateway_makes_the_callbacks_that_were_due(tmp_path: Path) -> None:
    state = tmp_path / "gateway.jsonl"
    with listening() as (callback_url, told):
        gateway = Gateway(SECRET, state_file=state)
        request = PaymentRequest("u1", "order-1", "KB", "****", 500, callback_url)
        gateway.take(request, Settlement("SUCCESS", result_seconds=0, callback_seconds=0.5))
        gateway.close()
        assert told == []
        again = Gateway(SECRET, state_file=state)
        eventually(lambda: Shop("", told=told).amounts_told("order-1") == [500])
        again.close()


def test_the_secret_is_created_once_and_readable_by_the_owner_only(tmp_path: Path) -> None:
    secret = gateway_secret(tmp_path)
    assert len(secret) >= 32
    assert gateway_secret(tmp_path) == secret
    assert (tmp_path / "gateway.secret").stat().st_mode & 0o077 == 0
