"""Nested stacks with functions are merged into the template that the emulator is given."""

from pathlib import Path

import pytest

from infra.template import ROOT, read_template, with_absolute_paths

ROOT_TEMPLATE = """
Parameters:
  Subnets: {Type: CommaDelimitedList}
Conditions: {}
Globals: {Function: {CodeUri: functions/}}
Resources:
  Layer: {Type: "AWS::Serverless::LayerVersion", Properties: {ContentUri: layers/}}
  Table: {Type: "AWS::DynamoDB::Table"}
  Queue: {Type: "AWS::CloudFormation::Stack", Properties: {TemplateURL: stacks/queue.yaml}}
  Work:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: stacks/work.yaml
      Parameters:
        Name: !Ref AWS::StackName
        TableArn: !GetAtt Table.Arn
        Subnets: !Join [",", !Ref Subnets]
Outputs:
  Worker: {Value: !GetAtt Work.Outputs.Worker}
"""
NESTED_TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Name: {Type: String}
  TableArn: {Type: String}
  Subnets: {Type: CommaDelimitedList}
  Level: {Type: String, Default: INFO}
Conditions:
  InVpc: !Equals [!Join ["", !Ref Subnets], ""]
Resources:
  Layer: {Type: "AWS::Serverless::LayerVersion", Properties: {ContentUri: ../layers/}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: ../work/
      Role: !GetAtt Role.Arn
      VpcConfig: {SubnetIds: !Ref Subnets}
      Environment: {Variables: {TABLE: !Ref TableArn, LEVEL: !Ref Level, LOG: !Sub "/${Name}/x"}}
  Role: {Type: "AWS::IAM::Role"}
Outputs:
  Worker: {Value: !Ref Worker}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "work.yaml").write_text(NESTED_TEMPLATE, encoding="utf-8")
    (tmp_path / "stacks" / "queue.yaml").write_text("Resources: {}", encoding="utf-8")
    file = tmp_path / "template.yaml"
    file.write_text(ROOT_TEMPLATE, encoding="utf-8")
    return file


def test_nested_functions_get_arguments_in_the_place_of_parameters(template: Path) -> None:
    merged = read_template(template)
    assert set(merged["Resources"]) == {"Layer", "Table", "Queue", "Worker", "Role"}
    assert merged["Resources"]["Worker"]["Properties"] == {
        "CodeUri": "work",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "VpcConfig": {"SubnetIds": {"Ref": "Subnets"}},
        "Environment": {
            "Variables": {
                "TABLE": {"Fn::GetAtt": ["Table", "Arn"]},
                "LEVEL": "INFO",
                "LOG": {"Fn::Sub": "/${AWS::StackName}/x"},
            }
        },
    }
    subnets = {"Fn::Join": ["", {"Ref": "Subnets"}]}
    assert merged["Conditions"] == {"InVpc": {"Fn::Equals": [subnets, ""]}}
    assert merged["Outputs"] == {"Worker": {"Value": {"Ref": "Worker"}}}


def test_the_root_keeps_its_layers_where_both_have_them(template: Path) -> None:
    layer = read_template(template)["Resources"]["Layer"]
    assert layer["Properties"] == {"ContentUri": "layers/"}


def test_a_merged_template_can_be_written_anywhere(template: Path) -> None:
    merged = with_absolute_paths(read_template(template))
    assert merged["Globals"]["Function"]["CodeUri"] == str(ROOT / "functions")
    assert merged["Resources"]["Worker"]["Properties"]["CodeUri"] == str(ROOT / "work")
    queue = merged["Resources"]["Queue"]["Properties"]
    assert queue["TemplateURL"] == str(ROOT / "stacks/queue.yaml")
