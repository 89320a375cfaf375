"""No page in a developer's browser can use the servers that run on the developer's machine."""

import http.client
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.local.deployment import Deployment
from infra.local.emulator import start_emulator
from infra.local.mail import start_mail
from infra.local.ports import LOOPBACK, Ports
from tests.support.delivery import a_delivery_system
from tests.support.gateway import a_gateway

EVIL = "https://evil.example"


class Target:
    """A running server, asked with exactly the headers that are given."""

    def __init__(self, name: str, port: int, path: str) -> None:
        self.name, self.port, self.path = name, port, path

    def ask(self, headers: dict[str, str], method: str = "GET", path: str | None = None) -> int:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=10)
        try:
            connection.request(method, path or self.path, headers=headers)
            answer = connection.getresponse()
            self.allowed_origin = answer.headers.get("Access-Control-Allow-Origin")
            return answer.status
        finally:
            connection.close()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    port = Ports.free().emulator
    server = start_emulator(tmp_path_factory.mktemp("emulator"), port)
    yield Target("emulator", port, "/_ministack/ready")
    server.stop()


@pytest.fixture(scope="module")
def targets(
    emulator: Target, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Target]]:
    with ExitStack() as running:
        delivery = running.enter_context(a_delivery_system()).url
        gateway = running.enter_context(a_gateway("healthy")).url
        inbox = start_mail(
            tmp_path_factory.mktemp("mail"), Ports.free().mail,
            emulator_url=f"http://{LOOPBACK}:{emulator.port}",
        )  # fmt: skip
        running.callback(inbox.stop)
        yield {
            "emulator": emulator,
            "mail": Target("mail", int(inbox.url.rpartition(":")[2]), "/messages"),
            "delivery": Target("delivery", int(delivery.rpartition(":")[2]), "/health"),
            "gateway": Target("gateway", int(gateway.rpartition(":")[2]), "/health"),
        }


@pytest.fixture(params=["emulator", "delivery", "gateway", "mail"])
def server(targets: dict[str, Target], request: pytest.FixtureRequest) -> Target:
    return targets[request.param]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "x.localhost"])
def test_a_loopback_host_is_served(server: Target, host: str) -> None:
    assert server.ask({"Host": f"{host}:{server.port}"}) == 200
    assert server.ask({"Host": host}) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:127",
        "user@localhost",
        "localhost, evil.example",
        "evillocalhost",
        "10.0.0.1",
        "[2001:db8::1]",
        "",
    ],
)
def test_a_foreign_host_is_refused_on_every_path(server: Target, host: str) -> None:
    assert server.ask({"Host": host}) == 403
    assert server.ask({"Host": host}, path="/_aws/execute-api/none/v1/products") == 403


@pytest.mark.parametrize(
    "origin",
    [
        EVIL,
        "null",
        "http://localhost",
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://x.localhost",
        "file://",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_foreign_origin_is_refused_whatever_the_method(
    server: Target, method: str, origin: str
) -> None:
    host = f"127.0.0.1:{server.port}"
    assert server.ask({"Host": host, "Origin": origin}, method) == 403
    assert server.allowed_origin is None


def test_a_preflight_of_a_foreign_page_is_refused(server: Target) -> None:
    asked = {
        "Host": f"127.0.0.1:{server.port}",
        "Origin": EVIL,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-amz-target",
    }
    assert server.ask(asked, "OPTIONS", "/") == 403
    assert server.allowed_origin is None


def test_a_servers_own_pages_may_use_it(server: Target) -> None:
    host = f"127.0.0.1:{server.port}"
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert server.ask(headers) == 200
    assert server.ask({"Host": host, "Sec-Fetch-Site": "none"}) == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_an_image_or_a_form_of_another_page_is_refused(server: Target, site: str) -> None:
    host = f"127.0.0.1:{server.port}"
    assert server.ask({"Host": host, "Sec-Fetch-Site": site}) == 403


def test_a_refused_request_leaves_nothing_on_the_connection(server: Target) -> None:
    host = f"127.0.0.1:{server.port}"
    hidden = f"GET {server.path} HTTP/1.1\r\nHost: {host}\r\n\r\n"
    connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
    connection.request("POST", "/", body=hidden, headers={"Host": host, "Origin": EVIL})
    assert connection.getresponse().status == 403
    connection.close()
    assert server.ask({"Host": host}) == 200


def test_a_foreign_page_cannot_list_secrets_of_the_emulator(
    emulator: Target, tmp_path: Path
) -> None:
    client = Deployment(tmp_path, f"http://{LOOPBACK}:{emulator.port}", {}).client("secretsmanager")
    client.create_secret(Name="kept", SecretString="from pages")
    host = f"127.0.0.1:{emulator.port}"
    asked = {"Host": host, "X-Amz-Target": "secretsmanager.ListSecrets"}

    assert emulator.ask(asked, "POST", "/") == 200
    assert emulator.ask({**asked, "Origin": EVIL}, "POST", "/") == 403
    assert emulator.ask({**asked, "Host": "evil.example"}, "POST", "/") == 403


@pytest.mark.parametrize(
    "path",
    [
        "/_aws/lambda-url/none/",
        "/_aws/execute-api/",
        "/_aws/execute-api/none",
        "//_aws/execute-api/none/v1/x",
        "/x/_aws/execute-api/none/v1/x",
        "/_ministack/reset",
        "/_ministack/config",
    ],
)
def test_only_paths_of_deployed_apis_are_open_to_origins(emulator: Target, path: str) -> None:
    host = f"127.0.0.1:{emulator.port}"
    assert emulator.ask({"Host": host, "Origin": EVIL}, "POST", path) == 403


def test_a_deployed_api_answers_foreign_origins_itself(emulator: Target, tmp_path: Path) -> None:
    url = f"http://{LOOPBACK}:{emulator.port}"
    gateway = Deployment(tmp_path, url, {}).client("apigateway")
    api = gateway.create_rest_api(name="any")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    call = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**call, authorizationType="NONE")
    gateway.put_integration(
        **call, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'}
    )
    gateway.put_method_response(**call, statusCode="200")
    gateway.put_integration_response(**call, statusCode="200")
    gateway.create_deployment(restApiId=api, stageName="v1")

    asked = {"Host": f"127.0.0.1:{emulator.port}", "Origin": EVIL, "Sec-Fetch-Site": "cross-site"}

    assert emulator.ask(asked, "GET", f"/_aws/execute-api/{api}/v1/") == 200


def test_a_simulator_in_a_container_answers_its_network(
    targets: dict[str, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert targets["delivery"].ask({"Host": "delivery:18080"}) == 403
    monkeypatch.setenv("CONTAINER_HOSTS", "delivery")
    assert targets["delivery"].ask({"Host": "delivery:18080"}) == 200
    assert targets["delivery"].ask({"Host": "delivery:18080", "Origin": EVIL}) == 403


def test_the_tests_own_aws_server_refuses_pages_too() -> None:
    address = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    moto = Target("moto", address.port or 0, "/moto-api/")
    host = f"127.0.0.1:{address.port}"

    assert moto.ask({"Host": host}) == 200
    assert moto.ask({"Host": host, "Origin": EVIL}) == 403
    assert moto.ask({"Host": "evil.example"}) == 403
