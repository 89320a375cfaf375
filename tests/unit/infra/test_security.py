"""Each finding of checkov is explained, and each explanation matches a finding."""

import pytest

from infra.security import Explained, Finding, judge, production_arguments
from infra.template import as_deployed, without_versions

OPEN = Finding("CKV_1", "template.yaml:OneFunction", "Ensure something")
OTHER = Finding("CKV_1", "queue.yaml:Queue", "Ensure something")


def explained(*resources: str, check: str = "CKV_1") -> Explained:
    return Explained(check, resources, "because")


@pytest.mark.parametrize(
    ("findings", "exceptions", "wrong"),
    [
        ([], [], []),
        ([OPEN], [explained("template.yaml:*Function")], []),
        ([OPEN, OTHER], [explained("template.yaml:*Function", "queue.yaml:Queue")], []),
        ([OPEN], [], ["not explained: CKV_1 template.yaml:OneFunction: Ensure something"]),
        (
            [OPEN],
            [explained("template.yaml:*Function", check="CKV_2")],
            [
                "not explained: CKV_1 template.yaml:OneFunction: Ensure something",
                "not needed any more: CKV_2 for template.yaml:*Function",
            ],
        ),
        (
            [OPEN],
            [explained("template.yaml:*Function", "queue.yaml:Queue")],
            ["not needed any more: CKV_1 for queue.yaml:Queue"],
        ),
    ],
)
def test_findings_must_match_the_written_explanations(
    findings: list[Finding], exceptions: list[Explained], wrong: list[str]
) -> None:
    assert list(judge(findings, exceptions)) == wrong


TEMPLATE = {
    "Parameters": {
        "Environment": {"Default": "development"},
        "SubnetIds": {"Default": ""},
        "Url": {},
        "Size": {"Default": 3},
    },
    "Conditions": {
        "Production": {"Fn::Equals": [{"Ref": "Environment"}, "production"]},
        "Inside": {
            "Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "SubnetIds"}]}, ""]}],
        },
    },
    "Resources": {
        "Wall": {"Type": "Wall", "Condition": "Production"},
        "Door": {
            "Type": "Door",
            "Properties": {
                "Lock": {"Fn::If": ["Inside", {"Ref": "SubnetIds"}, {"Ref": "AWS::NoValue"}]},
                "Keys": [
                    {"Fn::If": ["Production", "gold", "tin"]},
                    {"Fn::If": ["Inside", "iron", {"Ref": "AWS::NoValue"}]},
                ],
            },
        },
    },
}


def test_template_conditions_are_evaluated_as_a_deploy_does() -> None:
    assert as_deployed(TEMPLATE, {})["Resources"] == {
        "Door": {"Type": "Door", "Properties": {"Keys": ["tin"]}}
    }
    there = as_deployed(TEMPLATE, production_arguments(TEMPLATE))["Resources"]
    assert there == {
        "Wall": {"Type": "Wall"},
        "Door": {
            "Type": "Door",
            "Properties": {"Lock": {"Ref": "SubnetIds"}, "Keys": ["gold", "iron"]},
        },
    }


def test_production_parameters_are_those_without_a_default() -> None:
    given = production_arguments(TEMPLATE)
    assert given == {
        "Environment": "production", "SubnetIds": "given-SubnetIds", "Url": "given-Url",
    }  # fmt: skip


def test_an_emulator_deploys_functions_without_versions() -> None:
    alias = {"AutoPublishAlias": "live", "DeploymentPreference": {"Enabled": False}}
    template = {
        "Globals": {"Function": {**alias, "Timeout": 10}},
        "Resources": {
            "One": {
                "Type": "AWS::Serverless::Function",
                "Properties": {"Handler": "h", **alias},
            }
        },
    }
    assert without_versions(template) == {
        "Globals": {"Function": {"Timeout": 10}},
        "Resources": {"One": {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "h"}}},
    }
