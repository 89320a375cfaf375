"""The emulator counts failures as AWS does, and the sampler of the console's trends reads them."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from commerce.app.trends.failures import NotReported, count_failures
from commerce.app.trends.sampler import SLOT, slot_of
from commerce.runtime import aws
from commerce.shared import clock
from infra.local.deployment import Deployment, python_runtime
from infra.local.emulator import start_emulator
from infra.local.ports import Ports
from infra.local.process import Server

STACK = "lastunit"
HANDLER = """
import os, time
def handler(event, context):
    act = event.get("act") or (event.get("queryStringParameters") or {}).get("act")
    if act == "raise":
        raise ValueError("no")
    if act == "exit":
        os._exit(1)
    if act == "sleep":
        time.sleep(30)
    return {"statusCode": 503 if act == "busy" else 200, "body": "{}"}
"""


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An emulator with two functions and an API, to which the sampler's clients lead."""
    server = start_emulator(tmp_path, Ports.free().emulator)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("STACK_NAME", STACK)
    aws.client.cache_clear()
    yield server
    aws.client.cache_clear()
    server.stop()


@pytest.fixture
def deployed(emulator: Server, tmp_path: Path) -> str:
    """The URL of the API's stage."""
    deployment = Deployment(tmp_path, emulator.url, {})
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", HANDLER)
    for name in (f"{STACK}-Order", f"{STACK}-Pay", "other-x"):
        made = deployment.client("lambda").create_function(
            FunctionName=name,
            Runtime=python_runtime(),
            Role="arn:aws:iam::000000000000:role/any",
            Handler="index.handler",
            Timeout=2,
            Code={"ZipFile": package.getvalue()},
        )
        if name.endswith("Order"):
            arn = made["FunctionArn"]
    gateway = deployment.client("apigateway")
    api = gateway.create_rest_api(name=STACK)["id"]
    [root] = gateway.get_resources(restApiId=api)["items"]
    gateway.put_method(
        restApiId=api, resourceId=root["id"], httpMethod="GET", authorizationType="NONE"
    )
    gateway.put_integration(
        restApiId=api, resourceId=root["id"], httpMethod="GET", type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations",
    )  # fmt: skip
    gateway.create_deployment(restApiId=api, stageName="v1")
    return f"{emulator.url}/_aws/execute-api/{api}/v1"


def request(url: str, act: str) -> int:
    return urllib3.request("GET", f"{url}/?act={act}", retries=False, timeout=60).status


def counted() -> dict[str, int]:
    """The failures of the last two slots, as a slot may begin while the test runs."""
    slot = slot_of(clock.now())
    found = list(count_failures([slot - SLOT, slot], SLOT))
    names = ("api_5xx", "functions_failed")
    return {name: sum(each.get(name, 0) for each in found) for name in names}


def test_killed_functions_and_502s_are_counted_however_they_end(deployed: str) -> None:
    assert request(deployed, "well") == 200
    assert counted() == {"api_5xx": 0, "functions_failed": 0}
    for act, status in (("raise", 502), ("exit", 502), ("sleep", 502), ("busy", 503)):
        assert request(deployed, act) in (status, 504)
    assert counted() == {"api_5xx": 4, "functions_failed": 3}


def test_a_function_that_no_request_calls_is_counted_once(deployed: str, emulator: Server) -> None:
    functions = Deployment(Path(), emulator.url, {}).client("lambda")
    for act, name in (("raise", "Pay"), ("well", "Pay")):
        payload = json.dumps({"act": act})
        functions.invoke(FunctionName=f"{STACK}-{name}", Payload=payload)
    functions.invoke(FunctionName="other-x", Payload=json.dumps({"act": "raise"}))
    assert counted() == {"api_5xx": 0, "functions_failed": 1}
    assert deployed


def test_many_calls_of_a_minute_are_few_points(deployed: str, emulator: Server) -> None:
    for _ in range(30):
        assert request(deployed, "well") == 200
    answer: Any = Deployment(Path(), emulator.url, {}).client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda", MetricName="Errors", Period=600, Statistics=["SampleCount"],
        Dimensions=[{"Name": "FunctionName", "Value": f"{STACK}-Order"}],
        StartTime=clock.now() - 2 * SLOT, EndTime=clock.now() + SLOT,
    )  # fmt: skip
    assert sum(each["SampleCount"] for each in answer["Datapoints"]) == 30


def test_functions_that_never_ran_are_unknown_and_not_well(emulator: Server) -> None:
    assert emulator.url
    with pytest.raises(NotReported):
        list(count_failures([slot_of(clock.now())], SLOT))
