"""Rules of production, beyond test_template.py: for template.yaml, its nested stacks, its platform.

Each rule looks at the templates as production deploys them, and is tested twice: they keep it, and
with one thing changed they do not.
"""

import ast
import pickle
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from commerce.runtime.db.connection import SESSION
from infra.security import TEMPLATES, production_arguments
from infra.template import ROOT, as_deployed, is_called_often, read_file, read_template

APP, PLATFORM = "template.yaml", "platform.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks"
DOMAIN = ROOT / "layers/domain/python/commerce"
PARTNERS = {"payment_gateway", "notice_sender", "beacon", "SesMailer"}
VALKEY = {"valkey", "strict_valkey", "shared_cache"}
NOT_ASKED = {
    "payment_gateway"
}  # of all that has the breaker at hand, only these two ask it: `pay` and `buy_points`
ENDPOINTS = {  # a client of AWS in the code, the endpoint it needs where there is no internet
    "dynamodb": "DynamoDbEndpoint", "events": "EventsEndpoint", "sns": "SnsEndpoint",
    "secretsmanager": "SecretsManagerEndpoint", "sqs": "SqsEndpoint",
    "stepfunctions": "StatesEndpoint", "logs": "LogsEndpoint", "cloudwatch": "MonitoringEndpoint",
}  # fmt: skip
KEPT_WITH_A_KEY = {  # where a resource names its KMS key
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::SecretsManager::Secret": "KmsKeyId",
    "AWS::RDS::DBCluster": "KmsKeyId",
    "AWS::ElastiCache::ServerlessCache": "KmsKeyId",
}

Json = dict[str, Any]
Templates = dict[str, Json]
Rule = Callable[[Templates], list[str]]
Break = Callable[[Templates], object]


@cache
def pristine() -> Templates:
    """Every template by its file's name, as production deploys it."""
    files = sorted(path for pattern in TEMPLATES for path in ROOT.glob(pattern))
    read = {path.name: read_file(path) for path in files}
    return {name: as_deployed(each, production_arguments(each)) for name, each in read.items()}


def of_type(templates: Templates, kind: str) -> Iterator[tuple[str, str, Json]]:
    """File, name and properties of each resource of a type."""
    for file, template in templates.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield file, name, resource.get("Properties", {})


def the(templates: Templates, file: str, name: str) -> Json:
    """The properties of a resource; none where there is no such resource."""
    resource: Json = templates[file]["Resources"].get(name, {})
    properties: Json = resource.get("Properties", {})
    return properties


def functions(templates: Templates) -> dict[str, Json]:
    """Return what holds for each function: its file's globals, and its own properties."""
    found = {}
    for file, name, own in of_type(templates, "AWS::Serverless::Function"):
        shared = templates[file]["Globals"]["Function"]
        found[name] = {**shared, **own}
        for key in ("DeploymentPreference",):  # SAM merges these
            found[name][key] = {**shared.get(key, {}), **own.get(key, {})}
    return found


# --- functions -----------------------------------------------------------------------------------


def a_function_is_traced_and_its_log_ends_some_day(templates: Templates) -> list[str]:
    return [
        name
        for name, each in functions(templates).items()
        if each.get("Tracing") != "Active"
        or "RetentionInDays"
        not in the(templates, APP, each.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref", ""))
    ]


def new_code_is_tried_on_a_few_calls_first(templates: Templates) -> list[str]:
    """A function with enough calls has an alias that moves step by step, back if an alarm rings.

    Others have none: of the calls of admins, schedules and pages a share would tell nothing.
    """
    found = []
    for name, each in functions(templates).items():
        canary = each["DeploymentPreference"]
        is_on = canary.get("Enabled") == {"Ref": "CanaryDeployment"}
        alarms = [alarm["Ref"] for alarm in canary.get("Alarms", [])]
        is_watched = bool(alarms) and all(the(templates, APP, alarm) for alarm in alarms)
        has_canary = "AutoPublishAlias" in each and is_on and is_watched
        if has_canary != is_called_often(each):
            found.append(name)
    return found


def what_calls_a_function_calls_its_alias_of_the_newest_layer(templates: Templates) -> list[str]:
    """Without both, a change of the domain alone makes no version, and the alias keeps the old."""
    layers = of_type(templates, "AWS::Serverless::LayerVersion")
    return [
        *(name for _, name, each in layers if each.get("PublishLambdaVersion") is not True),
        *(
            name
            for name, each in functions(templates).items()
            if each.get("AutoPublishAliasAllProperties") is not True
        ),
    ]


def functions_that_call_partners_have_a_route_out_and_no_others(templates: Templates) -> list[str]:
    calling = _functions_that_reach(PARTNERS)
    return sorted(
        name
        for name, each in functions(templates).items()
        if (each["VpcConfig"]["SubnetIds"] == {"Ref": "PartnerSubnetIds"})
        != (_source(each) in calling)
        or (each["VpcConfig"]["SecurityGroupIds"] == {"Ref": "PartnerSecurityGroupIds"})
        != (_source(each) in calling)
    )


def functions_that_use_valkey_may_read_its_login_and_no_others(templates: Templates) -> list[str]:
    asking = _functions_that_reach(VALKEY, NOT_ASKED) | _functions_that_reach({"pay", "buy_points"})
    roles = {name: each for _, name, each in of_type(templates, "AWS::IAM::Role")}
    return sorted(
        name
        for name, each in functions(templates).items()
        if (
            {"Ref": "ReadValkeySecret"} in roles[each["Role"]["Fn::GetAtt"][0]]["ManagedPolicyArns"]
        )
        != (_source(each) in asking)
    )


def _source(function: Json) -> Path:
    return ROOT / "functions" / Path(*function["Handler"].split(".")[:-1]).with_suffix(".py")


@cache
def _definitions() -> dict[str, frozenset[str]]:
    """Return the names that each function or class of the application layer refers to."""
    modules = (DOMAIN / "app").rglob("*.py")
    return {
        node.name: _names(node)
        for module in modules
        for node in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def _names(node: ast.AST) -> frozenset[str]:
    return frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))


def _functions_that_reach(goals: set[str], but_for: set[str] = frozenset()) -> set[Path]:  # type: ignore[assignment]
    """The functions' files from which calls lead to one of these names."""
    reaching = set(goals)
    while more := {
        name
        for name, used in _definitions().items()
        if name not in reaching and name not in but_for and used & reaching
    }:
        reaching |= more
    files = (ROOT / "functions").rglob("*.py")
    return {f for f in files if _names(ast.parse(f.read_text(encoding="utf-8"))) & reaching}


def each_of_aws_services_is_reached_without_the_internet(templates: Templates) -> list[str]:
    asked = {"dynamodb"}  # by Powertools
    for file in [*DOMAIN.rglob("*.py"), *(ROOT / "functions").rglob("*.py")]:
        asked |= set(re.findall(r"\bclient\(\s*\"(\w+)\"", file.read_text(encoding="utf-8")))
    asked.discard("ses")  # by a function in the partners' subnets, which reach the internet
    network = templates["network.yaml"]["Resources"]
    return sorted(service for service in asked if ENDPOINTS.get(service) not in network)


# --- what is kept, and by which key --------------------------------------------------------------


def a_key_rotates(templates: Templates) -> list[str]:
    keys = list(of_type(templates, "AWS::KMS::Key"))
    return [name for _, name, key in keys if key.get("EnableKeyRotation") is not True] or (
        [] if keys else ["there are no keys"]
    )


def all_that_is_kept_is_kept_with_a_key_of_ours(templates: Templates) -> list[str]:
    found = [
        f"{file}:{name}"
        for kind, place in KEPT_WITH_A_KEY.items()
        for file, name, each in of_type(templates, kind)
        if place not in each
    ]
    tables = of_type(templates, "AWS::DynamoDB::Table")
    return found + [
        name for _, name, each in tables if "KMSMasterKeyId" not in each.get("SSESpecification", {})
    ]


def a_log_ends_some_day(templates: Templates) -> list[str]:
    logs = of_type(templates, "AWS::Logs::LogGroup")
    return [f"{file}:{name}" for file, name, each in logs if "RetentionInDays" not in each]


def the_database_can_be_restored_and_is_not_lost_by_mistake(templates: Templates) -> list[str]:
    cluster = templates["database.yaml"]["Resources"]["Cluster"]
    properties = cluster["Properties"]
    days = templates["database.yaml"]["Parameters"]["BackupDays"]
    wrong = {
        "encryption": properties.get("StorageEncrypted") is not True,
        "deletion protection": properties.get("DeletionProtection") is not True,
        "snapshot": cluster.get("DeletionPolicy") != "Snapshot",
        "backups": properties.get("BackupRetentionPeriod") != {"Ref": "BackupDays"},
        "days of backups": days["Default"] < 7,
        "password": properties.get("ManageMasterUserPassword") is not True
        or "MasterUserPassword" in properties,
        "TLS": the(templates, "database.yaml", "Proxy").get("RequireTLS") is not True,
    }
    return [what for what, is_wrong in wrong.items() if is_wrong]


def the_servers_time_outs_are_the_functions(templates: Templates) -> list[str]:
    group = the(templates, "database.yaml", "Settings")["Parameters"]
    times = ("lock_timeout", "statement_timeout")
    return [name for name in times if group.get(name) != str(SESSION[name])]


def no_secret_is_written_down(templates: Templates) -> list[str]:
    """A password stands nowhere; what is given by hand is not echoed and goes into a secret."""
    written = re.compile(r"(?i)(password|secret)s?$")
    return [
        f"{file}:{name}.{key}"
        for file, template in templates.items()
        for name, resource in template["Resources"].items()
        for key, value in resource.get("Properties", {}).items()
        if written.search(key) and isinstance(value, str)
    ]


# --- the door ------------------------------------------------------------------------------------


def the_firewall_stands_before_the_api(templates: Templates) -> list[str]:
    firewall = the(templates, APP, "Firewall").get("Parameters", {})
    rules = the(templates, "firewall.yaml", "Acl").get("Rules", [])
    statements = [name for rule in rules for name in rule["Statement"]]
    wrong = {
        "not before the stage": "${Api}/stages/" not in str(firewall.get("StageArn")),
        "not attached": the(templates, "firewall.yaml", "Attachment").get("ResourceArn")
        != {"Ref": "StageArn"},
        "no limit per address": "RateBasedStatement" not in statements,
        "no managed rules": statements.count("ManagedRuleGroupStatement") < 2,
        "a rule only counts": any(rule.get("OverrideAction", {}).get("Count") for rule in rules),
    }
    return [what for what, is_wrong in wrong.items() if is_wrong]


def what_is_expensive_is_throttled_by_itself(templates: Templates) -> list[str]:
    limits = {"ThrottlingRateLimit", "ThrottlingBurstLimit"}
    limited = {
        (each["HttpMethod"], each["ResourcePath"])
        for each in the(templates, APP, "Api")["MethodSettings"]
        if limits <= set(each)
    }
    dear = [("POST", f"/~1{path}") for path in ("orders", "payments", "users", "sessions")]
    return [path for method, path in [("*", "/*"), *dear] if (method, path) not in limited]


def private_subnets_lead_nowhere(templates: Templates) -> list[str]:
    routes = of_type(templates, "AWS::EC2::Route")
    found = [n for _, n, each in routes if each["RouteTableId"] == {"Ref": "PrivateRoutes"}]
    subnets = of_type(templates, "AWS::EC2::Subnet")
    return found + [name for _, name, each in subnets if each.get("MapPublicIpOnLaunch")]


# --- the two stacks together, and who watches them -----------------------------------------------


def what_the_platform_makes_the_application_takes(templates: Templates) -> list[str]:
    made, taken = templates[PLATFORM]["Outputs"], templates[APP]["Parameters"]
    return sorted(set(made) - set(taken))


def an_alarm_is_told_and_its_runbook_is_listed(templates: Templates) -> list[str]:
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    found = []
    for file, name, alarm in of_type(templates, "AWS::CloudWatch::Alarm"):
        runbook = re.search(r"docs/runbooks/([\w-]+\.md)", str(alarm.get("AlarmDescription")))
        is_listed = runbook and (RUNBOOKS / runbook[1]).is_file() and f"({runbook[1]})" in index
        if not is_listed or f"`{name}`" not in index or not alarm.get("AlarmActions"):
            found.append(f"{file}:{name}")
    return found


def change(file: str, name: str, *path: str | int, to: Any) -> Break:
    """Set one property of one resource."""

    def broken(templates: Templates) -> None:
        place: Any = templates[file]["Resources"][name]["Properties"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return broken


def drop(file: str, name: str, *path: str | int) -> Break:
    """Remove one property of one resource, or the resource."""

    def broken(templates: Templates) -> None:
        *steps, last = (name, "Properties", *path) if path else (name,)
        place: Any = templates[file]["Resources"]
        for step in steps:
            place = place[step]
        del place[last]

    return broken


def forget_global(name: str) -> Break:
    """Remove one of the functions' shared properties."""
    return lambda templates: templates[APP]["Globals"]["Function"].pop(name)


BREAKS: list[tuple[Rule, Break]] = [
    (a_function_is_traced_and_its_log_ends_some_day, drop(APP, "FunctionLogs", "RetentionInDays")),
    (a_function_is_traced_and_its_log_ends_some_day, forget_global("Tracing")),
    (new_code_is_tried_on_a_few_calls_first, drop(APP, "PlaceOrderFunction", "AutoPublishAlias")),
    (new_code_is_tried_on_a_few_calls_first,
     change(APP, "PlaceOrderFunction", "DeploymentPreference", to={"Enabled": False})),
    (new_code_is_tried_on_a_few_calls_first, drop(APP, "FunctionErrorsAlarm")),
    (what_calls_a_function_calls_its_alias_of_the_newest_layer,
     drop(APP, "DomainLayer", "PublishLambdaVersion")),
    (what_calls_a_function_calls_its_alias_of_the_newest_layer,
     forget_global("AutoPublishAliasAllProperties")),
    (functions_that_call_partners_have_a_route_out_and_no_others,
     drop(APP, "ReceiveCallbackFunction", "VpcConfig")),
    (functions_that_call_partners_have_a_route_out_and_no_others,
     change(APP, "GetMeFunction", "VpcConfig", to={
         "SubnetIds": {"Ref": "PartnerSubnetIds"}, "SecurityGroupIds": {"Ref": "Any"}})),
    (functions_that_use_valkey_may_read_its_login_and_no_others,
     change(APP, "ProductPageRole", "ManagedPolicyArns", to=[])),
    (functions_that_use_valkey_may_read_its_login_and_no_others,
     change(APP, "SignedInRole", "ManagedPolicyArns", to=[{"Ref": "ReadValkeySecret"}])),
    (each_of_aws_services_is_reached_without_the_internet, drop("network.yaml", "StatesEndpoint")),
    (a_key_rotates, drop("keys.yaml", "LogKey", "EnableKeyRotation")),
    (all_that_is_kept_is_kept_with_a_key_of_ours, drop("queue.yaml", "Queue", "KmsMasterKeyId")),
    (all_that_is_kept_is_kept_with_a_key_of_ours,
     change(APP, "IdempotencyTable", "SSESpecification", to={"SSEEnabled": True})),
    (a_log_ends_some_day, drop("firewall.yaml", "Logs", "RetentionInDays")),
    (the_database_can_be_restored_and_is_not_lost_by_mistake,
     change("database.yaml", "Cluster", "DeletionProtection", to=False)),
    (the_database_can_be_restored_and_is_not_lost_by_mistake,
     drop("database.yaml", "Cluster", "BackupRetentionPeriod")),
    (the_servers_time_outs_are_the_functions,
     change("database.yaml", "Settings", "Parameters", "lock_timeout", to="0")),
    (no_secret_is_written_down,
     change("database.yaml", "Cluster", "MasterUserPassword", to="correct horse")),
    (the_firewall_stands_before_the_api, drop(APP, "Firewall")),
    (the_firewall_stands_before_the_api, drop("firewall.yaml", "Attachment")),
    (the_firewall_stands_before_the_api, drop("firewall.yaml", "Acl", "Rules", 0)),
    (what_is_expensive_is_throttled_by_itself, drop(APP, "Api", "MethodSettings", 1)),
    (private_subnets_lead_nowhere,
     change("network.yaml", "PartnerWayOutA", "RouteTableId", to={"Ref": "PrivateRoutes"})),
    (what_the_platform_makes_the_application_takes,
     lambda templates: templates[APP]["Parameters"].pop("PartnerSubnetIds")),
    (an_alarm_is_told_and_its_runbook_is_listed,
     change("database.yaml", "SessionsPinnedAlarm", "AlarmDescription", to="See nothing")),
    (an_alarm_is_told_and_its_runbook_is_listed,
     lambda templates: templates[APP]["Resources"].update(
         NewAlarm=templates[APP]["Resources"]["ApiErrorsAlarm"])),
]  # fmt: skip
RULES = list(dict.fromkeys(rule for rule, _ in BREAKS))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_production_template_obeys_the_rule(rule: Rule) -> None:
    assert rule(pristine()) == []


@cache
def pickled() -> bytes:
    return pickle.dumps(pristine())


@pytest.mark.parametrize(("rule", "broken"), BREAKS, ids=lambda each: each.__name__)
def test_the_rule_finds_its_violation(rule: Rule, broken: Break) -> None:
    templates = pickle.loads(pickled())  # noqa: S301 - our own; deepcopy takes five times as long

    broken(templates)

    assert rule(templates) != []


def test_by_default_nothing_of_production_is_deployed() -> None:
    """An emulator, LocalStack and a first try in an account get what they can do."""
    template = read_template()
    there = as_deployed(template, {})["Resources"]
    kinds = {resource["Type"] for resource in there.values()}
    assert not {name for name in there if name in ("Firewall", "AccessLogs", "FunctionFailures")}
    assert not {kind for kind in kinds if kind.startswith(("AWS::WAFv2", "AWS::KMS", "AWS::EC2"))}
    assert "AccessLogSetting" not in there["Api"]["Properties"]
    assert "KmsMasterKeyId" not in there["OpsTopic"]["Properties"]
    assert "VpcConfig" not in there["PayOrderFunction"]["Properties"]
    assert template["Parameters"]["CanaryDeployment"]["Default"] == "false"


@pytest.mark.parametrize("name", ["GatewayUrl", "DeliveryUrl"])
@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("https://partner.example/a", True),
        ("http://127.0.0.1:18082", True),
        ("http://gateway:18080", True),
        ("http://host.docker.internal:18082", True),
        ("http://partner.example", False),
        ("http://127.0.0.1.partner.example", False),
        ("http://local@partner.example", False),
        ("HTTP://partner.example", False),
        ("ftp://partner.example", False),
        ("partner.example", False),
    ],
)
def test_a_deployment_refuses_a_public_address_without_tls(
    name: str, url: str, *, is_allowed: bool
) -> None:
    pattern = pristine()[APP]["Parameters"][name]["AllowedPattern"]
    assert (re.fullmatch(pattern, url) is not None) == is_allowed
    several = read_template()["Parameters"]["BeaconUrls"]["AllowedPattern"]
    assert (re.fullmatch(several, f"https://relay.example,{url}") is not None) == is_allowed
    assert re.fullmatch(several, url) is None  # two relays have to agree
