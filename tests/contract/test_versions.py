"""What SAM makes of the template: where the domain alone has changed, new versions."""

import copy
import functools
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from infra.template import is_asked_often, read_template, resources

MOST_RESOURCES = 500  # CloudFormation's, of one stack
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
def packaged() -> Json:
    """The template as `sam package` leaves it: code and leaf stacks in a bucket."""
    template = read_template()
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


def deployed(*, domain: str = "one", canary: str = "true") -> dict[str, Json]:
    """CloudFormation's resources for a domain layer with this content."""
    template = copy.deepcopy(packaged())
    template["Resources"]["DomainLayer"]["Properties"]["ContentUri"] = f"s3://bucket/{domain}"
    made: dict[str, Json] = transform(template, {"CanaryDeployment": canary}, ManagedPolicies())
    return made["Resources"]


def versions(stack: dict[str, Json]) -> set[str]:
    return {name for name, each in stack.items() if each["Type"] == "AWS::Lambda::Version"}


def test_another_domain_makes_a_version_of_every_function_and_the_same_makes_none() -> None:
    before = versions(deployed())
    assert len(before) == len(resources(packaged(), "AWS::Serverless::Function"))
    assert versions(deployed()) == before
    assert versions(deployed(domain="two")).isdisjoint(before)


def test_it_fits_into_one_stack() -> None:
    """Each function is four or five resources, and one more for what calls it."""
    assert len(deployed()) <= MOST_RESOURCES


def test_what_is_called_by_its_alias_moves_by_canary_and_back_by_alarm() -> None:
    stack = deployed()
    aliases = {n: each for n, each in stack.items() if each["Type"] == "AWS::Lambda::Alias"}
    at_once = {name for name, each in aliases.items() if "UpdatePolicy" not in each}
    found = resources(packaged(), "AWS::Serverless::Function")
    assert at_once == {
        f"{name}Aliaslive" for name, each in found.items() if not is_asked_often(each)
    }
    groups = [e for e in stack.values() if e["Type"] == "AWS::CodeDeploy::DeploymentGroup"]
    assert len(groups) == len(aliases) - len(at_once)
    for group in groups:
        alarms = group["Properties"]["AlarmConfiguration"]["Alarms"]
        assert [each["Name"] for each in alarms] == [
            {"Ref": "ApiErrorsAlarm"},
            {"Ref": "FunctionErrorsAlarm"},
        ]
        assert (
            "DEPLOYMENT_STOP_ON_ALARM" in group["Properties"]["AutoRollbackConfiguration"]["Events"]
        )


def test_without_canary_there_is_no_codedeploy() -> None:
    kinds = {each["Type"] for each in deployed(canary="false").values()}
    assert not {kind for kind in kinds if kind.startswith("AWS::CodeDeploy")}


def test_api_queues_and_schedules_call_the_alias() -> None:
    stack = deployed()
    mappings = [e for e in stack.values() if e["Type"] == "AWS::Lambda::EventSourceMapping"]
    assert mappings
    for each in mappings:
        assert str(each["Properties"]["FunctionName"]["Ref"]).endswith("Aliaslive")
    rules = [each for each in stack.values() if each["Type"] == "AWS::Events::Rule"]
    targets = [target for rule in rules for target in rule["Properties"]["Targets"]]
    assert targets
    for target in targets:
        assert str(target["Arn"]["Ref"]).endswith("Aliaslive")
