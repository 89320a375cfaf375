"""The stacks as SAM makes them: their size, and which functions have versions and canaries."""

import copy
import functools
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from infra.template import ROOT, is_called_often, read_file, resources

BUDGET = 400  # of CloudFormation's 500 resources per stack
STACKS = {path.name: path for path in (ROOT / "template.yaml", *ROOT.glob("infra/stacks/*.yaml"))}
CODE = ("template.yaml", "background.yaml")  # those that have functions
ROLES = ("AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole",
         "AWSLambdaSQSQueueExecutionRole", "AWSXRayDaemonWriteAccess")  # fmt: skip
Json = dict[str, Any]


class ManagedPolicies:
    """Knows AWS' policies by name, without asking AWS."""

    def load(self) -> dict[str, str]:
        return {name: f"arn:aws:iam::aws:policy/{name}" for name in ROLES}


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@functools.cache
def packaged(path: Path) -> Json:
    """Read a template as `sam package` leaves it: code and nested stacks in a bucket."""
    template = read_file(path)
    if "Globals" in template:
        template["Globals"]["Function"]["CodeUri"] = "s3://bucket/functions"
    for kind, place in (
        ("AWS::Serverless::Function", "CodeUri"),
        ("AWS::Serverless::LayerVersion", "ContentUri"),
        ("AWS::CloudFormation::Stack", "TemplateURL"),
    ):
        for name, properties in resources(template, kind).items():
            if place in properties:
                properties[place] = f"s3://bucket/{name}"
    for machine in resources(template, "AWS::Serverless::StateMachine").values():
        machine["DefinitionUri"] = {"Bucket": "bucket", "Key": "machine"}
    return template


@functools.cache
def deployed(name: str, *, domain: str = "one", canary: str = "true") -> dict[str, Json]:
    """Return a stack's CloudFormation resources for a domain layer with this content.

    What only some deployments have is among them. All tests share it: change nothing in it.
    """
    template = copy.deepcopy(packaged(STACKS[name]))
    if layer := template["Resources"].get("DomainLayer"):
        layer["Properties"]["ContentUri"] = f"s3://bucket/{domain}"
    made: dict[str, Json] = transform(template, {"CanaryDeployment": canary}, ManagedPolicies())
    return made["Resources"]


def versions(stack: dict[str, Json]) -> set[str]:
    return {name for name, each in stack.items() if each["Type"] == "AWS::Lambda::Version"}


def declared(name: str) -> dict[str, Json]:
    return resources(packaged(STACKS[name]), "AWS::Serverless::Function")


@pytest.mark.parametrize("name", sorted(STACKS))
def test_a_stack_stays_within_its_budget_of_resources(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    left = BUDGET - len(deployed(name))
    with capsys.disabled():
        print(f" [{name}: {BUDGET - left} resources, {left} left of {BUDGET}]", end="")  # noqa: T201
    assert left >= 0


@pytest.mark.parametrize("name", CODE)
def test_a_function_has_an_alias_where_a_canary_is_useful(name: str) -> None:
    aliases = {n for n, each in deployed(name).items() if each["Type"] == "AWS::Lambda::Alias"}
    often = {f"{n}Aliaslive" for n, each in declared(name).items() if is_called_often(each)}
    assert aliases == often != set()


@pytest.mark.parametrize("name", CODE)
def test_a_new_domain_layer_makes_new_versions_and_the_same_makes_none(name: str) -> None:
    before = versions(deployed(name))
    assert len(before) == sum(map(is_called_often, declared(name).values()))
    assert versions(deployed.__wrapped__(name)) == before  # made again
    assert versions(deployed(name, domain="two")).isdisjoint(before)


@pytest.mark.parametrize("name", CODE)
def test_an_alias_moves_by_canary_and_back_when_an_alarm_rings(name: str) -> None:
    stack = deployed(name)
    aliases = [each for each in stack.values() if each["Type"] == "AWS::Lambda::Alias"]
    assert all("CodeDeployLambdaAliasUpdate" in each["UpdatePolicy"] for each in aliases)
    groups = [e for e in stack.values() if e["Type"] == "AWS::CodeDeploy::DeploymentGroup"]
    assert len(groups) == len(aliases)
    for group in groups:
        alarms = group["Properties"]["AlarmConfiguration"]["Alarms"]
        assert [each["Name"] for each in alarms] == [
            {"Ref": "ApiErrorsAlarm"},
            {"Ref": "FunctionErrorsAlarm"},
        ]
        assert (
            "DEPLOYMENT_STOP_ON_ALARM" in group["Properties"]["AutoRollbackConfiguration"]["Events"]
        )


@pytest.mark.parametrize("name", CODE)
def test_without_canary_there_is_no_codedeploy(name: str) -> None:
    kinds = {each["Type"] for each in deployed(name, canary="false").values()}
    assert not {kind for kind in kinds if kind.startswith("AWS::CodeDeploy")}


def test_queues_call_the_alias() -> None:
    stack = deployed("background.yaml")
    mappings = [e for e in stack.values() if e["Type"] == "AWS::Lambda::EventSourceMapping"]
    assert len(mappings) == 18
    for each in mappings:
        assert str(each["Properties"]["FunctionName"]["Ref"]).endswith("Aliaslive")


def test_the_api_has_one_stage() -> None:
    stack = deployed("template.yaml")
    stages = {n: each for n, each in stack.items() if each["Type"] == "AWS::ApiGateway::Stage"}
    assert [each["Properties"]["StageName"] for each in stages.values()] == ["v1"]
    deployments = [e for e in stack.values() if e["Type"] == "AWS::ApiGateway::Deployment"]
    assert [each["Properties"].get("StageName") for each in deployments] == [None]
