"""The emulator as `make up` runs it: what is deployed stays, and each layer is unpacked once."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local.deployment import Deployment, python_runtime
from infra.local.emulator import discard_state, start_emulator
from infra.local.ports import Ports
from infra.local.process import Server

HANDLER = """
import os, sys
import shared
def handler(event, context):
    print("called")
    return {"greeting": shared.GREETING, "environment": dict(os.environ)}
"""


class Running:
    """An emulator that can be restarted on its port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = Ports.free().emulator
        self.server: Server = start_emulator(directory, self.port)

    def client(self, service: str) -> Any:
        return Deployment(self.directory, self.server.url, {}).client(service)

    def restart(self) -> None:
        self.server.stop()
        self.server = start_emulator(self.directory, self.port)

    def deploy(self, function: str, layer_arn: str) -> None:
        self.client("lambda").create_function(
            FunctionName=function,
            Runtime=python_runtime(),
            Role="arn:aws:iam::000000000000:role/any",
            Handler="index.handler",
            Code={"ZipFile": zipped({"index.py": HANDLER})},
            Layers=[layer_arn],
        )

    def invoke(self, function: str) -> dict[str, Any]:
        answer = self.client("lambda").invoke(FunctionName=function)
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.server.stop()


def zipped(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def publish_layer(emulator: Running, greeting: str) -> str:
    layer = emulator.client("lambda").publish_layer_version(
        LayerName="shared",
        Content={"ZipFile": zipped({"python/shared.py": f"GREETING = {greeting!r}"})},
    )
    return str(layer["LayerVersionArn"])


def test_functions_share_one_unpacked_copy_of_a_layer(emulator: Running, tmp_path: Path) -> None:
    layer = publish_layer(emulator, "hello")
    for function in ("first", "second"):
        emulator.deploy(function, layer)

    answers = [emulator.invoke(function)["greeting"] for function in ("first", "second")]

    assert answers == ["hello", "hello"]
    assert len(list((tmp_path / "emulator" / "layers").iterdir())) == 1


def test_a_changed_layer_gets_another_copy(emulator: Running) -> None:
    emulator.deploy("first", publish_layer(emulator, "hello"))
    emulator.deploy("second", publish_layer(emulator, "goodbye"))

    assert emulator.invoke("first")["greeting"] == "hello"
    assert emulator.invoke("second")["greeting"] == "goodbye"


def test_a_functions_environment_is_not_the_shells(
    emulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://of-this-shell")
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    emulator.restart()
    emulator.deploy("first", publish_layer(emulator, "hello"))

    environment = emulator.invoke("first")["environment"]

    assert environment["AWS_ENDPOINT_URL"] == emulator.server.url
    assert {"DATABASE_URL", "HTTP_PROXY", "PYTHONPATH"} & set(environment) == set()


def test_a_deployment_survives_restarts_until_discarded(emulator: Running, tmp_path: Path) -> None:
    emulator.deploy("first", publish_layer(emulator, "hello"))
    queue = emulator.client("sqs").create_queue(QueueName="waiting")["QueueUrl"]
    emulator.client("sqs").send_message(QueueUrl=queue, MessageBody="kept")

    emulator.restart()

    assert emulator.invoke("first")["greeting"] == "hello"
    received = emulator.client("sqs").receive_message(QueueUrl=queue)
    assert [message["Body"] for message in received["Messages"]] == ["kept"]

    emulator.server.kill()
    discard_state(tmp_path, emulator.port)
    emulator.server = start_emulator(tmp_path, emulator.port)
    assert emulator.client("lambda").list_functions()["Functions"] == []


def test_the_emulator_listens_on_loopback_only(emulator: Running) -> None:
    listening = {
        connection.laddr
        for connection in psutil.Process(emulator.server.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {("127.0.0.1", emulator.port)}


def test_the_emulators_workers_end_with_it(emulator: Running) -> None:
    emulator.deploy("first", publish_layer(emulator, "hello"))
    emulator.invoke("first")
    workers = psutil.Process(emulator.server.pid).children(recursive=True)
    assert workers != []

    emulator.server.stop()

    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []
