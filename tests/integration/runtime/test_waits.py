"""Waits for AWS, Valkey and the delivery system end before the invocation does."""

import socket
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from commerce.runtime import aws
from commerce.runtime.cache.valkey import StrictValkey, Valkey
from commerce.runtime.deadline import answering_within
from commerce.shared.errors import Unavailable
from commerce.shipping.delivery_system import HttpDeliverySystem
from commerce.shipping.errors import DeliverySystemFailed
from commerce.shipping.model import NoticeKind, ShipmentNotice, ToDeliver
from infra.local.ports import LOOPBACK
from tests.support.lambda_calls import counting_down

NOTICE = ShipmentNotice(uuid.uuid4(), NoticeKind.ORDER, ToDeliver(0, ()))


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts connections and says nothing."""
    with socket.create_server((LOOPBACK, 0), backlog=100) as listener:
        yield listener


@pytest.fixture
def queue(silent: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    """A call of SQS, at the silent server."""
    aws.client.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", url_of(silent))
    yield lambda: aws.client("sqs").list_queues()
    aws.client.cache_clear()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """AWS answers 500 to everything; the requests it got."""
    got: list[str] = []

    class Failing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.path)
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Failing)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    aws.client.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{LOOPBACK}:{server.server_port}")
    yield got
    aws.client.cache_clear()
    server.shutdown()
    server.server_close()
    thread.join()


def url_of(server: socket.socket) -> str:
    return f"http://{LOOPBACK}:{server.getsockname()[1]}"


def connected(server: socket.socket) -> bool:
    server.settimeout(0)
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def test_a_call_of_aws_ends_before_the_invocation(queue: Callable[[], Any]) -> None:
    context = counting_down(4)
    with answering_within(4), pytest.raises(ReadTimeoutError):
        queue()
    assert context.get_remaining_time_in_millis() > 0


def test_a_call_of_aws_without_time_is_not_made(
    queue: Callable[[], Any], silent: socket.socket
) -> None:
    with answering_within(1), pytest.raises(ConnectTimeoutError):
        queue()
    assert not connected(silent)


@pytest.mark.parametrize(("seconds", "tries"), [(2.2, 1), (60, 3)])
def test_a_call_of_aws_is_repeated_while_there_is_time(
    failing: list[str], seconds: float, tries: int
) -> None:
    aws.client("sqs")
    with answering_within(seconds), pytest.raises(ClientError):
        aws.client("sqs").list_queues()
    assert len(failing) == tries


def test_valkey_is_not_called_without_time(silent: socket.socket) -> None:
    url = url_of(silent).replace("http", "redis")
    with answering_within(1.1):
        assert Valkey(lambda: url).run(lambda client: client.get("a")) is None
        with pytest.raises(Unavailable):
            StrictValkey(lambda: url).run(lambda client: client.get("a"))
    assert not connected(silent)


def test_the_delivery_system_is_waited_for_until_the_invocation_ends(
    silent: socket.socket,
) -> None:
    context = counting_down(2)
    with answering_within(2), pytest.raises(DeliverySystemFailed):
        HttpDeliverySystem(url_of(silent), lambda: "secret").send(NOTICE)
    assert context.get_remaining_time_in_millis() > 0
    assert connected(silent)


def test_the_delivery_system_is_not_called_without_time(silent: socket.socket) -> None:
    with answering_within(0), pytest.raises(DeliverySystemFailed):
        HttpDeliverySystem(url_of(silent), lambda: "secret").send(NOTICE)
    assert not connected(silent)
