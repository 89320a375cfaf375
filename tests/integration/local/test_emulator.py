"""The emulator as `make up` runs it: what is deployed stays, and each layer is unpacked once.

Live reload puts folders in the place of what was deployed, between two calls of a function.
"""

import base64
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local.deployment import Deployment, python_runtime
from infra.local.emulator import discard_state, live_file, start_emulator
from infra.local.ports import Ports
from infra.local.process import Server
from tests.support.other_connection import wait_until

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

    def replace(self, code: dict[str, Path], layers: dict[bytes, Path] | None = None) -> None:
        """Put folders in the place of functions' code, and of layers, given by their packages."""
        digests = {
            base64.b64encode(hashlib.sha256(package).digest()).decode(): str(folder)
            for package, folder in (layers or {}).items()
        }
        state = {"code": {name: str(folder) for name, folder in code.items()}, "layers": digests}
        file = live_file(self.directory, self.port)
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(state))
        draft.replace(file)

    def invoke(self, function: str, event: Any = None) -> dict[str, Any]:
        payload = json.dumps(event).encode()
        answer = self.client("lambda").invoke(FunctionName=function, Payload=payload)
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


def layer_of(greeting: str) -> bytes:
    return zipped({"python/shared.py": f"GREETING = {greeting!r}"})


def publish_layer(emulator: Running, greeting: str, package: bytes | None = None) -> str:
    layer = emulator.client("lambda").publish_layer_version(
        LayerName="shared", Content={"ZipFile": package or layer_of(greeting)}
    )
    return str(layer["LayerVersionArn"])


def a_folder(home: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return home


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


def test_a_live_folder_takes_the_place_of_one_functions_code(
    emulator: Running, tmp_path: Path
) -> None:
    layer = publish_layer(emulator, "hello")
    for function in ("first", "second"):
        emulator.deploy(function, layer)
        assert emulator.invoke(function)["greeting"] == "hello"
    saved = HANDLER.replace("shared.GREETING", "'saved'")

    emulator.replace({"first": a_folder(tmp_path / "live-1", {"index.py": saved})})

    assert emulator.invoke("first")["greeting"] == "saved"
    assert emulator.invoke("second")["greeting"] == "hello"


def test_a_live_folder_takes_the_place_of_a_layer_for_all(
    emulator: Running, tmp_path: Path
) -> None:
    package = layer_of("hello")
    layer = publish_layer(emulator, "hello", package)
    for function in ("first", "second"):
        emulator.deploy(function, layer)
        assert emulator.invoke(function)["greeting"] == "hello"
    folder = a_folder(tmp_path / "live-1", {"python/shared.py": "GREETING = 'saved'"})

    emulator.replace({}, {package: folder})

    assert [emulator.invoke(name)["greeting"] for name in ("first", "second")] == ["saved"] * 2
    emulator.replace({})
    assert emulator.invoke("first")["greeting"] == "hello"


def test_live_folders_are_still_there_after_a_restart(emulator: Running, tmp_path: Path) -> None:
    emulator.deploy("first", publish_layer(emulator, "hello"))
    saved = HANDLER.replace("shared.GREETING", "'saved'")
    emulator.replace({"first": a_folder(tmp_path / "live-1", {"index.py": saved})})

    emulator.restart()

    assert emulator.invoke("first")["greeting"] == "saved"


def test_a_call_that_has_begun_ends_with_the_code_it_began_with(
    emulator: Running, tmp_path: Path
) -> None:
    emulator.deploy("first", publish_layer(emulator, "hello"))
    begun, may_end = tmp_path / "begun", tmp_path / "may-end"
    waiting = f"""
import pathlib, time
def handler(event, context):
    if event == "wait":
        pathlib.Path({str(begun)!r}).touch()
        while not pathlib.Path({str(may_end)!r}).exists():
            time.sleep(0.02)
    return {{"greeting": "before"}}
"""
    emulator.replace({"first": a_folder(tmp_path / "live-1", {"index.py": waiting})})
    emulator.client("lambda").update_function_configuration(FunctionName="first", Timeout=60)
    answers: list[str] = []
    call = threading.Thread(
        target=lambda: answers.append(emulator.invoke("first", "wait")["greeting"])
    )
    call.start()
    wait_until(begun.exists)

    after = waiting.replace("before", "after")
    emulator.replace({"first": a_folder(tmp_path / "live-2", {"index.py": after})})

    assert emulator.invoke("first")["greeting"] == "after"
    may_end.touch()
    call.join()
    assert answers == ["before"]


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
