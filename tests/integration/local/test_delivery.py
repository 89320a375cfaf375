"""The delivery simulator keeps to the contract that the shipping context is written against."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import urllib3

from infra.local.delivery import DeliveryServer, DeliverySystem, delivery_secret
from infra.local.signatures import signature

Answer = tuple[int, dict[str, Any]]
SECRET = "what the shop signs with"


class Sender:
    """A caller of the delivery system."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = urllib3.PoolManager(retries=False, timeout=10, maxsize=16)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = headers_of(content) if path == "/notices" and method == "POST" else {}
        answer = self.http.request(
            method, self.url + path, body=None if body is None else content,
            headers={**signed, **headers},
        )  # fmt: skip
        return answer.status, answer.json()

    def send(self, order_id: str, kind: str = "ORDER", timeout: float = 10) -> Answer:
        lines = [{"product_id": "p1", "product_name": "Moon Jar Mug", "quantity": 2}]
        content = json.dumps({"order_id": order_id, "kind": kind, "lines": lines}).encode()
        headers = {"Idempotency-Key": order_id, **headers_of(content)}
        answer = self.http.request(
            "POST", f"{self.url}/notices", body=content, headers=headers, timeout=timeout
        )
        return answer.status, answer.json()

    def behave(self, **behaviour: object) -> None:
        status, answer = self.ask("PUT", "/behaviour", behaviour)
        assert status == 200, answer

    def received(self, order_id: str) -> list[str]:
        _, answer = self.ask("GET", f"/notices?order_id={order_id}")
        return [notice["kind"] for notice in answer["items"]]

    def outcomes(self, order_id: str) -> list[str]:
        _, answer = self.ask("GET", f"/requests?order_id={order_id}")
        return [request["outcome"] for request in answer["items"]]

    def wait_for_outcomes(self, order_id: str, expected: list[str]) -> None:
        deadline = time.monotonic() + 5
        while self.outcomes(order_id) != expected and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.outcomes(order_id) == expected


def headers_of(body: bytes, secret: str = SECRET, age_seconds: int = 0) -> dict[str, str]:
    """Return the headers with which the shop signs a notice."""
    timestamp = str(int(time.time()) - age_seconds)
    return {
        "X-Lastunit-Timestamp": timestamp,
        "X-Lastunit-Signature": signature(secret, timestamp, body),
    }


@pytest.fixture
def sender() -> Iterator[Sender]:
    with serving(DeliverySystem([SECRET])) as url:
        yield Sender(url)


class serving:  # noqa: N801 - reads as a verb
    """A delivery system that listens for as long as the block runs."""

    def __init__(self, system: DeliverySystem) -> None:
        self.server = DeliveryServer(system, port=0)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))

    def __enter__(self) -> str:
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_a_repeated_notice_is_stored_once(sender: Sender) -> None:
    first_status, first = sender.send("o1")
    again_status, again = sender.send("o1")

    assert (first_status, again_status) == (201, 200)
    assert set(first) == {"order_id", "kind", "received_at"}
    assert again == first
    status, shown = sender.ask("GET", "/notices")
    assert status == 200
    [item] = shown["items"]
    assert {name: item[name] for name in first} == first
    assert sender.outcomes("o1") == ["received", "repeated"]


def test_ten_simultaneous_notices_with_one_key_are_one(sender: Sender) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: sender.send("o1"), range(10)))

    assert sorted(status for status, _ in answers) == [200] * 9 + [201]
    assert len({json.dumps(receipt) for _, receipt in answers}) == 1
    assert sender.received("o1") == ["ORDER"]


def test_an_order_and_its_withdrawal_are_two_notices(sender: Sender) -> None:
    assert sender.send("o1")[0] == 201
    assert sender.send("o1", kind="WITHDRAWAL")[0] == 201
    assert sender.received("o1") == ["ORDER", "WITHDRAWAL"]


def test_notices_are_filtered_by_order(sender: Sender) -> None:
    sender.send("o1")
    sender.send("o2")

    assert sender.received("o2") == ["ORDER"]
    assert sender.received("o3") == []


def test_failing_twice_refuses_two_notices_and_stores_neither(sender: Sender) -> None:
    sender.behave(mode="fail", times=2)

    assert sender.send("o1")[0] == 500
    assert sender.send("o1")[0] == 500
    assert sender.received("o1") == []
    assert sender.send("o1")[0] == 201
    assert sender.outcomes("o1") == ["failed", "failed", "received"]


def test_failing_without_a_count_lasts_until_changed(sender: Sender) -> None:
    sender.behave(mode="fail", times=None)

    assert [sender.send("o1")[0] for _ in range(5)] == [500] * 5
    sender.behave(mode="ok")
    assert sender.send("o1")[0] == 201


def test_a_hanging_request_gets_no_answer_and_stores_no_notice(sender: Sender) -> None:
    sender.behave(mode="hang")

    with pytest.raises(urllib3.exceptions.TimeoutError):
        sender.send("o1", timeout=0.3)
    assert sender.outcomes("o1") == ["hung"]
    assert sender.received("o1") == []


def test_a_hanging_request_is_dropped_when_the_behaviour_changes(sender: Sender) -> None:
    sender.behave(mode="hang", times=1)
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(sender.send, "o1")
        sender.wait_for_outcomes("o1", ["hung"])
        assert sender.send("o2")[0] == 201  # only one was to hang
        sender.behave(mode="ok")

        with pytest.raises(urllib3.exceptions.HTTPError):
            hanging.result(timeout=5)
    assert sender.received("o1") == []
    assert sender.send("o1")[0] == 201


def test_a_slow_answer_takes_the_configured_seconds(sender: Sender) -> None:
    sender.behave(mode="slow", times=1, seconds=0.4)

    started = time.monotonic()
    assert sender.send("o1")[0] == 201
    assert time.monotonic() - started >= 0.4
    assert sender.ask("GET", "/behaviour")[1]["mode"] == "ok"


def test_notices_survive_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "notices.jsonl"
    with serving(DeliverySystem([SECRET], state)) as url:
        receipt = Sender(url).send("o1")[1]

    with serving(DeliverySystem([SECRET], state)) as url:
        assert Sender(url).send("o1") == (200, receipt)
        assert Sender(url).received("o1") == ["ORDER"]


def test_a_half_written_line_loses_no_other_notice(tmp_path: Path) -> None:
    state = tmp_path / "notices.jsonl"
    with serving(DeliverySystem([SECRET], state)) as url:
        Sender(url).send("o1")
    with state.open("a") as file:
        file.write('{"order_id": "o2", "ki')

    with serving(DeliverySystem([SECRET], state)) as url:
        Sender(url).send("o3")
    with serving(DeliverySystem([SECRET], state)) as url:
        assert [Sender(url).received(order) for order in ("o1", "o2", "o3")] == [
            ["ORDER"],
            [],
            ["ORDER"],
        ]


LINE = {"product_id": "p1", "product_name": "Mug", "quantity": 1}


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 400, "no JSON"),
        (b"[]", 400, "must be a JSON object"),
        ({"kind": "ORDER", "lines": [LINE]}, 422, "order_id"),
        ({"order_id": True, "kind": "ORDER", "lines": [LINE]}, 422, "order_id"),
        ({"order_id": "o2", "kind": "ORDER", "lines": [LINE]}, 422, "must be the order_id"),
        ({"order_id": "o1", "kind": "RETURN", "lines": [LINE]}, 422, "kind must be one of"),
        ({"order_id": "o1", "kind": ["ORDER"], "lines": [LINE]}, 422, "kind must be one of"),
        ({"order_id": "o1", "kind": "ORDER", "lines": []}, 422, "lines must be"),
        ({"order_id": "o1", "kind": "ORDER", "lines": "x"}, 422, "lines must be"),
        ({"order_id": "o1", "kind": "ORDER", "lines": [LINE, {}]}, 422, "lines[1] needs"),
        (
            {"order_id": "o1", "kind": "ORDER", "lines": [{**LINE, "quantity": 0}]},
            422,
            "lines[0].quantity",
        ),
        (b" " * (256 * 1024 + 1), 413, "is over"),
    ],
)
def test_an_invalid_notice_is_refused_with_the_reason(
    sender: Sender, body: object, status: int, detail: str
) -> None:
    answer_status, answer = sender.ask("POST", "/notices", body, **{"Idempotency-Key": "o1"})

    assert answer_status == status
    assert detail in answer["detail"]
    assert sender.ask("GET", "/notices")[1]["items"] == []


def test_a_notice_without_a_key_is_refused(sender: Sender) -> None:
    body = {"order_id": "o1", "kind": "ORDER", "lines": [LINE]}

    status, answer = sender.ask("POST", "/notices", body)

    assert (status, answer["detail"]) == (400, "the header Idempotency-Key is missing")


@pytest.mark.parametrize(
    "behaviour",
    [
        {},
        {"mode": "explode"},
        {"mode": "fail", "times": 0},
        {"mode": "fail", "times": 1.5},
        {"mode": "fail", "times": True},
        {"mode": "slow", "seconds": -1},
        {"mode": "slow", "seconds": "3"},
        {"mode": "ok", "extra": 1},
    ],
)
def test_an_unknown_behaviour_is_refused_and_changes_nothing(
    sender: Sender, behaviour: dict[str, Any]
) -> None:
    assert sender.ask("PUT", "/behaviour", behaviour)[0] == 422
    assert sender.ask("GET", "/behaviour") == (200, {"mode": "ok", "times": None, "seconds": 3.0})


def test_an_unknown_path_is_not_found(sender: Sender) -> None:
    assert sender.ask("GET", "/nothing") == (
        404,
        {"error": "Not Found", "detail": "there is no GET /nothing"},
    )


def test_a_refused_body_leaves_the_connection_usable(sender: Sender) -> None:
    assert sender.ask("POST", "/nothing", {"some": "body"})[0] == 404
    assert sender.send("o1")[0] == 201


def notice(order_id: str = "o1") -> bytes:
    return json.dumps({"order_id": order_id, "kind": "ORDER", "lines": [LINE]}).encode()


WITHOUT = {"X-Lastunit-Timestamp": "", "X-Lastunit-Signature": ""}


def changed(**headers: str) -> dict[str, str]:
    """The headers of a notice signed just now, some of them with other values."""
    others = {f"X-Lastunit-{name.title()}": value for name, value in headers.items()}
    return {**headers_of(notice()), **others}


@pytest.mark.parametrize(
    "made",
    [
        WITHOUT.copy,
        partial(changed, timestamp=""),
        partial(changed, signature=""),
        partial(changed, timestamp="soon"),
        partial(changed, timestamp=str(2**31)),
        partial(changed, signature="é" * 64),
        partial(headers_of, notice("o2")),
        partial(headers_of, notice() + b" "),
        partial(headers_of, notice(), "another secret"),
        partial(headers_of, notice(), age_seconds=301),
        partial(headers_of, notice(), age_seconds=-400),
    ],
)
def test_a_notice_that_the_shop_did_not_sign_just_now_is_refused(
    sender: Sender, made: Callable[[], dict[str, str]]
) -> None:
    headers = {name: value.encode().decode("latin-1") for name, value in made().items()}
    status, answer = sender.ask(
        "POST", "/notices", notice(), **headers, **{"Idempotency-Key": "o1"}
    )

    assert status == 401
    assert answer == {
        "error": "Unauthorized", "detail": "the notice is not signed by the shop, just now",
    }  # fmt: skip
    assert sender.received("o1") == []
    assert sender.outcomes("o1") == ["unauthenticated"]
    assert sender.send("o1")[0] == 201


def test_an_unsigned_notice_does_not_use_up_a_behaviour(sender: Sender) -> None:
    sender.behave(mode="fail", times=1)
    assert sender.ask("POST", "/notices", notice(), **WITHOUT)[0] == 401
    assert sender.send("o1")[0] == 500


def test_both_secrets_are_accepted_while_the_shop_changes_its_own() -> None:
    with serving(DeliverySystem(["new", "old"])) as url:
        for secret, status in (("new", 201), ("old", 200), ("older", 401), ("", 401)):
            headers = {"Idempotency-Key": "o1", **headers_of(notice(), secret)}
            assert Sender(url).ask("POST", "/notices", notice(), **headers)[0] == status


def test_the_secret_is_kept_where_only_its_owner_reads_it(tmp_path: Path) -> None:
    secret = delivery_secret(tmp_path)
    assert len(secret) >= 32
    assert delivery_secret(tmp_path) == secret
    assert (tmp_path / "delivery.secret").stat().st_mode & 0o077 == 0
