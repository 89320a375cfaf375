"""Reads template.yaml and the stacks nested in it, for the tools and the tests."""

import os
import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import yaml

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "template.yaml"

Trigger = Literal["http", "sqs", "schedule", "direct"]
_TRIGGER_OF_EVENT: dict[str, Trigger] = {"Api": "http", "SQS": "sqs", "Schedule": "schedule"}


@dataclass(frozen=True, slots=True)
class Function:
    """One AWS::Serverless::Function, with the globals it inherits."""

    logical_id: str
    handler: str
    code_uri: str
    timeout_seconds: int
    events: dict[str, dict[str, Any]]
    properties: dict[str, Any]

    @property
    def source(self) -> Path:
        """The file that holds the handler, relative to the project."""
        module = self.handler.rpartition(".")[0]
        return Path(self.code_uri, *module.split(".")).with_suffix(".py")

    @property
    def trigger(self) -> Trigger:
        """Its kind of event; `direct` if the template names none."""
        kinds = {_TRIGGER_OF_EVENT[event["Type"]] for event in self.events.values()}
        return kinds.pop() if kinds else "direct"

    @property
    def event_file(self) -> Path:
        """Its sample event, relative to the project."""
        return Path("events", self.trigger, self.source.with_suffix(".json").name)


def read_file(path: Path = TEMPLATE) -> dict[str, Any]:
    """Read one file; short forms become the long ones, `!Ref x` is {"Ref": "x"}."""
    template: dict[str, Any] = pickle.loads(_pickled(path.read_text(encoding="utf-8")))  # noqa: S301 - ours
    return template


@cache
def _pickled(text: str) -> bytes:
    """Parse a file's text, which takes ten times as long as reading the result."""
    return pickle.dumps(yaml.load(text, Loader=_Loader))  # noqa: S506 - a SafeLoader


def read_template(path: Path = TEMPLATE) -> dict[str, Any]:
    """Read a template with the nested stacks that are SAM templates themselves merged into it.

    Their resources keep their names, and arguments take the place of their parameters. Their
    globals and layers are the root's, as contract tests make sure, and so are left out. This is
    what the emulator and `sam local` are given: the one does not transform nested templates, the
    other does not resolve all that they take from the root.
    """
    template = read_file(path)
    for name, stack in resources(template, NESTED_STACK).items():
        nested = read_file(path.parent / stack["TemplateURL"])
        if "Transform" in nested:
            template = _merged(template, name, nested)
    return template


def _merged(template: dict[str, Any], name: str, nested: dict[str, Any]) -> dict[str, Any]:
    stack = template["Resources"].pop(name)["Properties"]
    arguments = arguments_of(stack, nested)
    added = replaced(nested["Resources"], arguments)
    for resource in added.values():
        for key, value in resource.get("Properties", {}).items():
            if key in _PATHS:
                folder = os.path.dirname(stack["TemplateURL"])  # noqa: PTH120 - a Path keeps `..`
                resource["Properties"][key] = os.path.normpath(f"{folder}/{value}")
    template["Resources"] = added | template["Resources"]  # layers are in both
    template["Conditions"] = replaced(nested["Conditions"], arguments) | template["Conditions"]
    outputs = {
        (name, f"Outputs.{output}"): replaced(declared["Value"], arguments)
        for output, declared in nested["Outputs"].items()
    }
    led: dict[str, Any] = _lead_to(outputs, template)
    return led


NESTED_STACK = "AWS::CloudFormation::Stack"
_PATHS = ("CodeUri", "ContentUri", "DefinitionUri")


def arguments_of(stack: dict[str, Any], nested: dict[str, Any]) -> dict[str, Any]:
    """Return a nested template's parameters with what the stack gives them, or their defaults.

    Lists are handed to a stack joined, `!Join [",", !Ref Subnets]`; here they are lists again.
    """
    found = {}
    for name, declared in nested["Parameters"].items():
        value = stack["Parameters"].get(name, declared.get("Default"))
        match value:
            case {"Fn::Join": [",", each]} if declared["Type"] == "CommaDelimitedList":
                value = each
        found[name] = value
    return found


OFTEN_CALLED = frozenset({
    ("post", "/users"), ("post", "/sessions"), ("post", "/sessions/refresh"),
    ("get", "/products"), ("get", "/products/{product_id}"), ("get", "/rankings"),
    ("put", "/products/{product_id}/like"),
    ("post", "/orders"), ("get", "/orders"), ("get", "/orders/{order_id}"),
    ("post", "/orders/{order_id}/cancellation"),
    ("post", "/payments"), ("post", "/payments/callbacks"),
    ("get", "/drops/{drop_id}"), ("post", "/drops/{drop_id}/entries"),
    ("get", "/drops/{drop_id}/entries/me"),
})  # fmt: skip
"""The operations of most shoppers: enough calls within a canary's minutes to judge it by."""


def is_called_often(function: dict[str, Any]) -> bool:
    """Tell whether a canary works for a function: shoppers or a queue call it often enough."""
    return any(
        event["Type"] == "SQS" or (event["Type"] == "Api" and _operation(event) in OFTEN_CALLED)
        for event in function.get("Events", {}).values()
    )


def _operation(event: dict[str, Any]) -> tuple[str, str]:
    return event["Properties"]["Method"], event["Properties"]["Path"]


def with_absolute_paths(template: dict[str, Any]) -> dict[str, Any]:
    """Let a template that is written elsewhere still lead to the files of the project."""
    for resource in template["Resources"].values():
        for key, value in resource.get("Properties", {}).items():
            if key in (*_PATHS, "TemplateURL"):
                resource["Properties"][key] = str(ROOT / value)
    shared = template["Globals"]["Function"]
    shared["CodeUri"] = str(ROOT / shared["CodeUri"])
    return template


def write_template(template: dict[str, Any], path: Path) -> None:
    """Write a template that read_template, or SAM CLI, can read."""
    path.write_text(yaml.dump(template, Dumper=_Dumper, sort_keys=False), encoding="utf-8")


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Give the properties of all resources of a type, by logical id."""
    return {
        logical_id: resource.get("Properties", {})
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def layers_of(template: dict[str, Any], function: Mapping[str, Any]) -> list[str]:
    """Give the folders of a function's layers, given its properties: of all, then its own."""
    named = [*template["Globals"]["Function"]["Layers"], *function.get("Layers", ())]
    layers = resources(template, "AWS::Serverless::LayerVersion")
    return list(dict.fromkeys(layers[each["Ref"]]["ContentUri"] for each in named))


def functions(template: dict[str, Any]) -> Iterator[Function]:
    """Give each function of a template."""
    shared = template["Globals"]["Function"]
    for logical_id, properties in resources(template, "AWS::Serverless::Function").items():
        yield Function(
            logical_id=logical_id,
            handler=properties["Handler"],
            code_uri=properties.get("CodeUri", shared["CodeUri"]),
            timeout_seconds=properties.get("Timeout", shared["Timeout"]),
            events=properties.get("Events", {}),
            properties=properties,
        )


def unfolded(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give all resources, those of the leaf stacks among them, as `Stack/Resource`.

    Arguments stand where a leaf's parameters were, and references lead to the resource itself: a
    function that reads `Stack.Outputs.QueueArn` then says {"Fn::GetAtt": ["Stack/Queue", "Arn"]}.
    """
    found: dict[str, dict[str, Any]] = {}
    outputs: dict[tuple[str, str], Any] = {}
    for name, stack in resources(template, NESTED_STACK).items():
        leaf = read_file(ROOT / stack["TemplateURL"])
        arguments = arguments_of(stack, leaf)
        conditions = {
            condition: _evaluate(rule, arguments)
            for condition, rule in leaf.get("Conditions", {}).items()
        }
        for logical_id, resource in leaf["Resources"].items():
            if conditions.get(resource.get("Condition"), True):
                found[f"{name}/{logical_id}"] = replaced(resource, arguments, f"{name}/")
        for output, declared in leaf["Outputs"].items():
            outputs[name, f"Outputs.{output}"] = replaced(declared["Value"], arguments, f"{name}/")
    found.update(template["Resources"])
    return {logical_id: _lead_to(outputs, resource) for logical_id, resource in found.items()}


def as_deployed(template: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Give a template without its conditions, as CloudFormation makes it of these arguments.

    A parameter that is not given has its default; one without any counts as given.
    """
    declared = template.get("Parameters", {})
    known = {
        name: arguments.get(name, each.get("Default", name)) for name, each in declared.items()
    }
    holds = {name: _evaluate(rule, known) for name, rule in template.get("Conditions", {}).items()}
    decided: dict[str, Any] = _decide(template, holds)
    for part in ("Resources", "Outputs"):
        decided[part] = {
            name: {key: value for key, value in each.items() if key != "Condition"}
            for name, each in decided.get(part, {}).items()
            if holds.get(each.get("Condition", ""), True)
        }
    decided.pop("Conditions", None)
    return decided


def _decide(value: Any, holds: dict[str, bool]) -> Any:
    if isinstance(value, list):
        return [each for each in (_decide(each, holds) for each in value) if each != _NO_VALUE]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::If"}:
        condition, then, otherwise = value["Fn::If"]
        return _decide(then if holds[condition] else otherwise, holds)
    decided = {key: _decide(each, holds) for key, each in value.items()}
    return {key: each for key, each in decided.items() if each != _NO_VALUE}


_NO_VALUE = {"Ref": "AWS::NoValue"}


def without_versions(template: dict[str, Any]) -> dict[str, Any]:
    """Remove the functions' aliases: nothing shifts traffic on an emulator, and each takes time."""
    shared = template["Globals"]["Function"]
    for properties in (shared, *resources(template, "AWS::Serverless::Function").values()):
        for name in ("AutoPublishAlias", "AutoPublishAliasAllProperties", "DeploymentPreference"):
            properties.pop(name, None)
    return template


def _evaluate(rule: Any, arguments: dict[str, Any]) -> bool:
    """Tell whether a condition holds. It may compare, negate, and nothing else."""
    [(operator, operands)] = rule.items()
    if operator == "Fn::Not":
        return not _evaluate(operands[0], arguments)
    if operator == "Fn::Equals":
        left, right = (_joined(replaced(operand, arguments)) for operand in operands)
        return bool(left == right)
    raise NotImplementedError(operator)


def _joined(value: Any) -> Any:
    """Return the text of a Fn::Join; a list that is a parameter's is text already."""
    match value:
        case {"Fn::Join": [str() as separator, parts]}:
            return separator.join(parts)
    return value


def replaced(value: Any, arguments: dict[str, Any], prefix: str = "") -> Any:
    """Put arguments in the place of parameters, and a prefix before other logical ids."""
    if isinstance(value, list):
        return [replaced(each, arguments, prefix) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return arguments.get(value["Ref"], {"Ref": f"{prefix}{value['Ref']}"})
    if set(value) == {"Fn::GetAtt"}:
        logical_id, attribute = value["Fn::GetAtt"]
        return {"Fn::GetAtt": [f"{prefix}{logical_id}", attribute]}
    if set(value) == {"Fn::Sub"}:
        return {"Fn::Sub": re.sub(r"\$\{(\w+)\}", partial(_text, arguments), value["Fn::Sub"])}
    return {key: replaced(each, arguments, prefix) for key, each in value.items()}


def _text(arguments: dict[str, Any], variable: re.Match[str]) -> str:
    """Return the text of an argument that is text, a Ref, or a Fn::Sub itself."""
    match arguments.get(variable[1], variable[0]):
        case {"Fn::Sub": text}:
            return str(text)
        case {"Ref": name}:
            return f"${{{name}}}"
        case text:
            return str(text)


def _lead_to(outputs: dict[tuple[str, str], Any], value: Any) -> Any:
    if isinstance(value, list):
        return [_lead_to(outputs, each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::GetAtt"}:
        return outputs.get(tuple(value["Fn::GetAtt"]), value)
    return {key: _lead_to(outputs, each) for key, each in value.items()}


class _Loader(yaml.CSafeLoader):  # the one in Python takes ten times as long
    """Knows CloudFormation's short forms."""


class _Dumper(yaml.CSafeDumper):
    """Repeats a value that occurs twice: CloudFormation knows no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the interface's name
        return True


def _long_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _long_form)
