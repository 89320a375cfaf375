"""Rules for every queue, function, event rule and permission of template.yaml.

Each rule looks through the whole template, nested stacks included, and returns what breaks it. It
is tested twice: the template breaks none, and a template with one thing changed breaks just it.
"""

import ast
import copy
import json
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from infra.template import (
    NESTED_STACK,
    ROOT,
    Function,
    arguments_of,
    functions,
    read_file,
    read_template,
    replaced,
    resources,
    unfolded,
)

DAY_SECONDS = 24 * 60 * 60
DEAD_LETTER_RETENTION_SECONDS = 14 * DAY_SECONDS
VISIBILITY_TO_TIMEOUT = 6
PROBLEM_MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}
# Read from the environment, but only where tools and tests set them.
NOT_OF_THE_TEMPLATE = {
    "DATABASE_URL",
    "TOKEN_KEYS",
    "SIGN_IN_KEYS",
    "GATEWAY_SECRET",
    "DELIVERY_SECRET",
    "FINGERPRINT_KEY",
    "LAMBDA_TASK_ROOT",  # by Lambda itself
}

# Actions that AWS knows no resources for: who may do them may do them to all.
WITHOUT_RESOURCES = {
    *(f"xray:{action}" for action in ("PutTraceSegments", "PutTelemetryRecords",
                                      "GetSamplingRules", "GetSamplingTargets",
                                      "GetSamplingStatisticSummaries")),
    *(f"ec2:{action}" for action in ("CreateNetworkInterface", "DescribeNetworkInterfaces",
                                     "DescribeSubnets", "DeleteNetworkInterface",
                                     "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses")),
    *(f"logs:{action}LogDelivery" for action in ("Create", "Get", "Update", "Delete")),
    "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics",
}  # fmt: skip

Resource = dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """The template with its nested stacks, and the folders that belong to it."""

    template: dict[str, Any]
    resources: dict[str, Resource]
    functions: dict[str, Function]
    nested: dict[str, Resource] = field(default_factory=dict)
    machines: dict[str, Resource] = field(default_factory=dict)
    source_files: set[Path] = field(default_factory=set)
    event_files: set[Path] = field(default_factory=set)

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Properties of the resources of a type."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def triggers(self, kind: str) -> Iterator[tuple[Function, Resource]]:
        """Each function's events of a kind: Api, SQS or Schedule."""
        for name, properties in self.of_type("AWS::Serverless::Function").items():
            for event in properties.get("Events", {}).values():
                if event["Type"] == kind:
                    yield self.functions[name], event["Properties"]


def named(reference: Any) -> str:
    """The logical id that a Ref or GetAtt leads to."""
    match reference:
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return str(name)
    return f"nothing known ({reference})"


@cache
def pristine() -> Stack:
    """The template as it is."""
    template = read_template()
    sources = {*ROOT.glob("functions/**/*.py"), ROOT / "infra/migrations/migrate.py"}
    return Stack(
        template=template,
        resources=unfolded(template),
        functions={function.logical_id: function for function in functions(template)},
        nested=_nested_application(),
        machines={
            name: _json(ROOT / machine["DefinitionUri"])
            for name, machine in resources(template, "AWS::Serverless::StateMachine").items()
        },
        source_files={path.relative_to(ROOT) for path in sources},
        event_files={
            path.relative_to(ROOT)
            for path in ROOT.glob("events/**/*.json")
            if "contracts" not in path.parts
        },
    )


def _nested_application() -> Resource:
    """Return infra/stacks/background.yaml with what template.yaml gives it put in."""
    stack = resources(read_file(), NESTED_STACK)["Background"]
    template = read_file(ROOT / stack["TemplateURL"])
    return {**template, **replaced(template, arguments_of(stack, template))}


# --- queues --------------------------------------------------------------------------------------


def dead_letter_queues(stack: Stack) -> set[str]:
    """Queues that hold what could not be handled or delivered."""
    redriven = [
        queue["RedrivePolicy"]["deadLetterTargetArn"]
        for queue in stack.of_type("AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue
    ]
    undelivered = [target["DeadLetterConfig"]["Arn"] for target in _with_dead_letters(stack)]
    return {named(reference) for reference in [*redriven, *undelivered]}


def _with_dead_letters(stack: Stack) -> Iterator[Resource]:
    for rule in stack.of_type("AWS::Events::Rule").values():
        yield from (target for target in rule["Targets"] if "DeadLetterConfig" in target)
    for _, schedule in stack.triggers("Schedule"):
        if "DeadLetterConfig" in schedule:
            yield schedule


def work_queues(stack: Stack) -> dict[str, Resource]:
    """Queues that a function reads."""
    letters = dead_letter_queues(stack)
    queues = stack.of_type("AWS::SQS::Queue").items()
    return {name: queue for name, queue in queues if name not in letters}


def a_queue_has_dead_letters_and_a_count_of_tries(stack: Stack) -> list[str]:
    return [
        name
        for name, queue in work_queues(stack).items()
        if not 1 <= queue.get("RedrivePolicy", {}).get("maxReceiveCount", 0) <= 10
    ]


def dead_letters_outlive_the_queue(stack: Stack) -> list[str]:
    letters = dead_letter_queues(stack)
    kept_seconds = {
        name: queue.get("MessageRetentionPeriod", 4 * DAY_SECONDS)
        for name, queue in stack.of_type("AWS::SQS::Queue").items()
    }
    return [
        name
        for name, seconds in kept_seconds.items()
        if (seconds == DEAD_LETTER_RETENTION_SECONDS) != (name in letters)
    ]


def dead_letters_raise_an_alarm(stack: Stack) -> list[str]:
    watched = [
        dimension["Value"]
        for alarm in stack.of_type("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        and (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
        for dimension in alarm["Dimensions"]
    ]
    queues = stack.of_type("AWS::SQS::Queue")
    return [name for name in dead_letter_queues(stack) if queues[name]["QueueName"] not in watched]


def a_queue_has_one_reader(stack: Stack) -> list[str]:
    readers = [named(event["Queue"]) for _, event in stack.triggers("SQS")]
    return [name for name in work_queues(stack) if readers.count(name) != 1]


def a_reader_answers_for_each_message(stack: Stack) -> list[str]:
    return [
        function.logical_id
        for function, event in stack.triggers("SQS")
        if event.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]
    ]


def a_queue_is_subscribed_to_what_its_reader_handles(stack: Stack) -> list[str]:
    """The event types of a subscription are those that the reader's file names."""
    subscribed = {
        named(rule["Targets"][0]["Arn"]): set(rule["EventPattern"]["detail-type"].split(","))
        for rule in stack.of_type("AWS::Events::Rule").values()
    }
    return [
        function.logical_id
        for function, event in stack.triggers("SQS")
        if subscribed.get(named(event["Queue"]), set()) != _events_named(function)
    ]


def a_password_reset_waits_behind_no_order(stack: Stack) -> list[str]:
    """A burst of orders fills no queue in which the mails of accounts wait."""
    return [
        name
        for name, rule in stack.of_type("AWS::Events::Rule").items()
        if "PasswordResetRequested" in rule["EventPattern"]["detail-type"].split(",")
        and {"OrderConfirmed", "OfferMade"} & set(rule["EventPattern"]["detail-type"].split(","))
    ]


def _events_named(function: Function) -> set[str]:
    source = (ROOT / function.source).read_text(encoding="utf-8")
    if "nudge_handler" in source:  # it reads no message's content, and says what wakes it
        source = source.partition("->")[0]
    if "EVENT_TYPES" in source:
        activity = ROOT / "layers/domain/python/commerce/app/product_activity.py"
        source = activity.read_text(encoding="utf-8")
    contracts = (file.name.partition(".")[0] for file in (ROOT / "events/contracts").glob("*.json"))
    events = {"".join(map(str.capitalize, name.split("_"))) for name in contracts}
    return events & set(re.findall(r"\w+", source))


def a_message_stays_hidden_for_six_times_the_time_out(stack: Stack) -> list[str]:
    queues = stack.of_type("AWS::SQS::Queue")
    return [
        function.logical_id
        for function, event in stack.triggers("SQS")
        if queues[named(event["Queue"])].get("VisibilityTimeout", 30)
        < VISIBILITY_TO_TIMEOUT * function.timeout_seconds
    ]


def the_last_try_is_the_queues_last(stack: Stack) -> list[str]:
    """A function that tells operators after its last try knows how many its queue allows."""
    queues = stack.of_type("AWS::SQS::Queue")
    return [
        function.logical_id
        for function, event in stack.triggers("SQS")
        for name, tries in _own_variables(function).items()
        if name.endswith("_MAX_TRIES")
        and tries != str(queues[named(event["Queue"])]["RedrivePolicy"]["maxReceiveCount"])
    ]


# --- events --------------------------------------------------------------------------------------


def what_cannot_be_delivered_is_kept(stack: Stack) -> list[str]:
    """Each target of a rule and each schedule has a dead-letter queue, and may send to it."""
    targets = [
        (name, target)
        for name, rule in stack.of_type("AWS::Events::Rule").items()
        for target in rule["Targets"]
    ]
    targets += [(function.logical_id, event) for function, event in stack.triggers("Schedule")]
    open_queues = _queues_open_to_the_bus(stack)
    return [
        name
        for name, target in targets
        if "DeadLetterConfig" not in target
        or named(target["DeadLetterConfig"]["Arn"]) not in open_queues
        or ("Arn" in target and named(target["Arn"]) not in open_queues)
    ]


def _queues_open_to_the_bus(stack: Stack) -> set[str]:
    return {
        named(queue)
        for policy in stack.of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "events.amazonaws.com"}
        and statement["Action"] == "sqs:SendMessage"
        for queue in _as_list(statement["Resource"])
    }


# --- permissions ---------------------------------------------------------------------------------


def no_permission_has_a_wildcard(stack: Stack) -> list[str]:
    return [
        name
        for name, statement in _statements(stack)
        if not set(_as_list(statement["Action"])) <= WITHOUT_RESOURCES
        for allowed in [*_as_list(statement["Action"]), *_as_list(statement["Resource"])]
        if "*" in json.dumps(allowed)
    ]


def a_queue_takes_messages_from_a_named_source_only(stack: Stack) -> list[str]:
    return [
        name
        for name, policy in stack.of_type("AWS::SQS::QueuePolicy").items()
        for statement in policy["PolicyDocument"]["Statement"]
        if not statement.get("Condition") or "*" in json.dumps(statement)
    ]


def _statements(stack: Stack) -> Iterator[tuple[str, Resource]]:
    for name, policy in stack.of_type("AWS::IAM::ManagedPolicy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            yield name, _given(statement)
    for name, role in stack.of_type("AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in _given(policy)["PolicyDocument"]["Statement"]:
                yield name, statement


def _given(value: Resource) -> Resource:
    """Return what a condition decides about as if the condition held."""
    given: Resource = value["Fn::If"][1] if "Fn::If" in value else value
    return given


def a_function_takes_its_permissions_from_a_declared_role(stack: Stack) -> list[str]:
    """A role that SAM generates would count as a resource of its own for each function."""
    roles = stack.of_type("AWS::IAM::Role")
    return [
        name
        for name, function in stack.of_type("AWS::Serverless::Function").items()
        if "Policies" in function or named(function.get("Role")) not in roles
    ]


def a_role_is_used(stack: Stack) -> list[str]:
    used = {
        named(owner.get("Role"))
        for kind in ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
        for owner in stack.of_type(kind).values()
    }
    return sorted(set(stack.of_type("AWS::IAM::Role")) - used)


# A permission, and what in the function or its part of the template says that it is needed.
BY_VARIABLE = {
    "OPS_TOPIC_ARN": ("sns:Publish", "OpsTopic"),
    "FINGERPRINT_SECRET_ARN": ("secretsmanager:GetSecretValue", "FingerprintSecret"),
    "SIGN_IN_SECRET_ARN": ("secretsmanager:GetSecretValue", "SignInSecret"),
    "GATEWAY_SECRET_ARN": ("secretsmanager:GetSecretValue", "GatewaySigningSecret"),
    "DELIVERY_SECRET_ARN": ("secretsmanager:GetSecretValue", "DeliverySigningSecret"),
    "LOG_GROUP_NAME": ("logs:FilterLogEvents", "FunctionLogs"),
    "RANKING_STATE_MACHINE_ARN": ("states:StartExecution", "RankingStateMachine"),
}
READ_TOKENS = ("secretsmanager:GetSecretValue", "TokenSecret")
KEEP_RECORDS = ("dynamodb:PutItem", "IdempotencyTable")
READ_A_QUEUE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
HIDE_MESSAGES = "sqs:ChangeMessageVisibility"
SIGN_TOKENS = ("OpenSessionFunction", "RefreshSessionFunction")
NAMES_VIEWERS = "GetProductFunction"  # by a valid token, where the viewer has one


def a_role_grants_what_each_of_its_functions_needs_and_no_more(stack: Stack) -> list[str]:
    """Compare what can be read from the functions; a shared role fits all of its functions."""
    granted = _granted(stack)
    queues = set(product((*READ_A_QUEUE, HIDE_MESSAGES), stack.of_type("AWS::SQS::Queue")))
    decidable = {*BY_VARIABLE.values(), READ_TOKENS, KEEP_RECORDS}
    needed_by_role: dict[str, set[tuple[str, str]]] = {}
    found = []
    for name, properties in stack.of_type("AWS::Serverless::Function").items():
        role, needed = named(properties.get("Role")), _needed(stack.functions[name], properties)
        needed_by_role.setdefault(role, set()).update(needed)
        if granted.get(role, set()) & decidable != needed & decidable:
            found.append(name)
    return found + [
        role
        for role, needed in needed_by_role.items()
        if granted.get(role, set()) & queues - _dead(stack) - _counted(stack, role)
        != needed & queues
    ]


def _counted(stack: Stack, role: str) -> set[tuple[str, str]]:
    """The console counts what was redriven and is not handled yet."""
    counts = role == "ReadDeadLettersRole"
    return set(product(["sqs:GetQueueAttributes"], work_queues(stack))) if counts else set()


def _dead(stack: Stack) -> set[tuple[str, str]]:
    return set(product((*READ_A_QUEUE, HIDE_MESSAGES), dead_letter_queues(stack)))


def _needed(function: Function, properties: Resource) -> set[tuple[str, str]]:
    """Return the permissions that a function's file, variables and events ask for."""
    needed = {BY_VARIABLE[name] for name in _own_variables(function) if name in BY_VARIABLE}
    rules = _rules_of_handler(function)
    hides = {"retry_base_seconds", "on_final_attempt"} & rules
    for event in properties.get("Events", {}).values():
        if event["Type"] == "SQS":
            actions = (*READ_A_QUEUE, HIDE_MESSAGES) if hides else READ_A_QUEUE
            needed |= {(action, named(event["Properties"]["Queue"])) for action in actions}
    if "access" in rules or function.logical_id in (*SIGN_TOKENS, NAMES_VIEWERS):
        needed.add(READ_TOKENS)
    if "answered_by" in rules:
        needed.add(KEEP_RECORDS)
    return needed


def _rules_of_handler(function: Function) -> set[str]:
    """Return the keywords with which a file makes its handler, as access=… or idempotent=…."""
    file = ROOT / function.source
    calls = [
        node
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("_handler")
    ]
    return {str(keyword.arg) for call in calls for keyword in call.keywords}


def _granted(stack: Stack) -> dict[str, set[tuple[str, str]]]:
    """Return each role's permissions, as actions on resources."""
    own: dict[str, set[tuple[str, str]]] = {}
    for name, statement in _statements(stack):
        for action in _as_list(statement["Action"]):
            for resource in _as_list(statement["Resource"]):
                own.setdefault(name, set()).add((action, named(resource)))
    return {
        name: set().union(
            own.get(name, set()),
            *(own.get(named(policy), set()) for policy in role.get("ManagedPolicyArns", [])),
        )
        for name, role in stack.of_type("AWS::IAM::Role").items()
    }


# --- the nested stack ----------------------------------------------------------------------------


def nested_functions_have_the_globals_of_the_root(stack: Stack) -> list[str]:
    """Its globals are the root's but for variables that only requests need."""
    root = copy.deepcopy(stack.template["Globals"]["Function"])
    nested = copy.deepcopy(stack.nested["Globals"]["Function"])
    root_variables = root.pop("Environment")["Variables"]
    variables = nested.pop("Environment")["Variables"]
    nested["CodeUri"] = nested["CodeUri"].removeprefix("../../")
    return [key for key in root.keys() | nested.keys() if root.get(key) != nested.get(key)] + [
        name for name, value in variables.items() if root_variables.get(name) != value
    ]


def nested_conditions_and_layers_are_the_roots(stack: Stack) -> list[str]:
    layers = {
        name: json.loads(json.dumps(layer).replace("../../", ""))
        for name, layer in stack.nested["Resources"].items()
        if layer["Type"] == "AWS::Serverless::LayerVersion"
    }
    conditions = stack.nested["Conditions"]
    return [
        *(name for name, each in layers.items() if stack.template["Resources"].get(name) != each),
        *(n for n, each in conditions.items() if stack.template["Conditions"].get(n, each) != each),
    ] or ([] if layers else ["no layers: new code would make no new versions"])


def no_secret_is_in_the_environment(stack: Stack) -> list[str]:
    parameters = stack.template["Parameters"].items()
    hidden = "|".join(name for name, parameter in parameters if parameter.get("NoEcho"))
    variables = [_shared_variables(stack), *map(_own_variables, stack.functions.values())]
    return [
        name
        for each in variables
        for name, value in each.items()
        if re.search(rf'"({hidden})"|\${{({hidden})}}', json.dumps(value))
    ]


# --- functions -----------------------------------------------------------------------------------


def functions_and_files_correspond(stack: Stack) -> list[str]:
    named_in_template = {function.source for function in stack.functions.values()}
    return sorted(map(str, named_in_template ^ stack.source_files))


def functions_and_sample_events_correspond(stack: Stack) -> list[str]:
    expected = [function.event_file for function in stack.functions.values()]
    twice = {path for path in expected if expected.count(path) > 1}
    return sorted(map(str, (set(expected) ^ stack.event_files) | twice))


def a_sample_is_what_the_function_gets(stack: Stack) -> list[str]:
    routes = {
        (function.event_file, event["Method"].upper(), event["Path"])
        for function, event in stack.triggers("Api")
    }
    files = stack.event_files & {file for file, _, _ in routes}
    return [str(file) for file in sorted(files) if (file, *_asked_for(_json(file))) not in routes]


def _asked_for(event: Resource) -> tuple[str, str]:
    """Return method and path of a proxy event whose parts agree."""
    path = event["resource"].replace("+}", "}").format(**(event["pathParameters"] or {}))
    gateway = event["requestContext"]
    agree = (
        event["path"] == path
        and gateway["resourcePath"] == event["resource"]
        and gateway["httpMethod"] == event["httpMethod"]
        and gateway["requestId"]
    )
    return (event["httpMethod"], event["resource"]) if agree else ("its parts", "disagree")


def a_function_has_one_kind_of_trigger(stack: Stack) -> list[str]:
    return [
        function.logical_id
        for function in stack.functions.values()
        if len({event["Type"] for event in function.events.values()}) > 1
    ]


SCHEDULES = {
    "every_minute_": r"rate\(1 minute\)",
    "every_five_minutes_": r"cron\(0/5 \* \* \* \? \*\)",
    "every_quarter_hour_": r"cron\(0/15 \* \* \* \? \*\)",
    "daily_": r"cron\([0-9]+ (?:1[6-9]|20) \* \* \? \*\)",  # in UTC: at night in Seoul
}


def a_schedule_is_what_its_functions_name_says(stack: Stack) -> list[str]:
    return [
        function.logical_id
        for function, schedule in stack.triggers("Schedule")
        if not any(
            function.source.stem.startswith(name) and re.fullmatch(pattern, schedule["Schedule"])
            for name, pattern in SCHEDULES.items()
        )
    ]


def no_folder_hides_a_module_of_python(stack: Stack) -> list[str]:
    """A handler http.x.handler would look for x in Python's own package http."""
    folders = {function.handler.split(".")[0] for function in stack.functions.values()}
    return sorted(folders & set(sys.stdlib_module_names))


def a_variable_is_text(stack: Stack) -> list[str]:
    """AWS makes text of a number; an emulator may pass it on, and the function cannot start."""
    return [
        name
        for each in [_shared_variables(stack), *map(_own_variables, stack.functions.values())]
        for name, value in each.items()
        if not isinstance(value, str | dict)
    ]


def settings_are_in_the_environment(stack: Stack) -> list[str]:
    given = set(_shared_variables(stack))
    for function in stack.functions.values():
        given |= set(_own_variables(function))
    return sorted(_settings_read() - given - NOT_OF_THE_TEMPLATE)


def _settings_read() -> set[str]:
    """The names in settings.text("NAME"), settings.number("NAME") and os.environ.get("NAME")."""
    folders = ROOT / "layers/domain/python", ROOT / "functions", ROOT / "infra/migrations"
    return {
        node.args[0].value
        for folder in folders
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and re.search(r"(^|\.)(text|number|environ\.get|getenv)$", ast.unparse(node.func))
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and re.fullmatch("[A-Z][A-Z0-9_]+", node.args[0].value)
    }


def _shared_variables(stack: Stack) -> Resource:
    variables: Resource = stack.template["Globals"]["Function"]["Environment"]["Variables"]
    return variables


def _own_variables(function: Function) -> Resource:
    variables: Resource = function.properties.get("Environment", {}).get("Variables", {})
    return variables


# --- state machines ------------------------------------------------------------------------------


def states(stack: Stack, *kinds: str) -> Iterator[tuple[str, Resource]]:
    """Each state of these kinds of each state machine, those within a Map among them."""
    for machine, definition in stack.machines.items():
        for name, state in _states_of(definition):
            if state["Type"] in kinds:
                yield f"{machine}/{name}", state


def _states_of(definition: Resource) -> Iterator[tuple[str, Resource]]:
    for name, state in definition["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from _states_of(state["ItemProcessor"])


def a_task_is_tried_again(stack: Stack) -> list[str]:
    """For whatever reason it failed, with growing pauses, and not for ever."""
    return [
        name
        for name, task in states(stack, "Task")
        if not task.get("Retry")
        or (last := task["Retry"][-1])["ErrorEquals"] != ["States.ALL"]
        or not 1 <= last.get("MaxAttempts", 3) <= 5
        or last.get("BackoffRate", 2) <= 1
    ]


def a_task_waits_longer_than_its_function(stack: Stack) -> list[str]:
    return [
        name
        for name, task in states(stack, "Task")
        if task.get("TimeoutSeconds", 0) <= _function_of(stack, name, task).timeout_seconds
    ]


def _function_of(stack: Stack, state: str, task: Resource) -> Function:
    machine = stack.of_type("AWS::Serverless::StateMachine")[state.partition("/")[0]]
    variable = task["Resource"].removeprefix("${").removesuffix("}")
    return stack.functions[named(machine["DefinitionSubstitutions"][variable])]


def a_map_survives_one_bad_item(stack: Stack) -> list[str]:
    """A Map catches failures of its items within, and its own failures outside."""
    return [
        name
        for name, state in states(stack, "Map")
        if not _catches_all(state)
        or not _catches_all(state["ItemProcessor"]["States"][state["ItemProcessor"]["StartAt"]])
    ]


def _catches_all(state: Resource) -> bool:
    return any(each["ErrorEquals"] == ["States.ALL"] for each in state.get("Catch", []))


def an_execution_ends(stack: Stack) -> list[str]:
    return [name for name, machine in stack.machines.items() if "TimeoutSeconds" not in machine]


def a_machine_may_call_its_tasks_and_nothing_else(stack: Stack) -> list[str]:
    roles = stack.of_type("AWS::IAM::Role")
    found = []
    for name, machine in stack.of_type("AWS::Serverless::StateMachine").items():
        called = {
            _function_of(stack, state, task).logical_id
            for state, task in states(stack, "Task")
            if state.startswith(f"{name}/")
        }
        allowed = [
            (statement["Action"], named(resource))
            for policy in map(_given, roles[named(machine["Role"])]["Policies"])
            for statement in policy["PolicyDocument"]["Statement"]
            if not set(_as_list(statement["Action"])) <= WITHOUT_RESOURCES
            for resource in _as_list(statement["Resource"])
        ]
        if sorted(allowed) != sorted(("lambda:InvokeFunction", function) for function in called):
            found.append(name)
    return found


def a_failed_execution_raises_an_alarm(stack: Stack) -> list[str]:
    watched = {
        (named(dimension["Value"]), alarm["MetricName"])
        for alarm in stack.of_type("AWS::CloudWatch::Alarm").values()
        if alarm["Namespace"] == "AWS/States"
        for dimension in alarm["Dimensions"]
    }
    return [
        name
        for name in stack.machines
        for metric in ("ExecutionsFailed", "ExecutionsTimedOut")
        if (name, metric) not in watched
    ]


# --- schema, gateway, alarms ---------------------------------------------------------------------


def a_deploy_migrates_to_the_newest_revision(stack: Stack) -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "infra/migrations"))
    head = ScriptDirectory.from_config(config).get_current_head()
    [migration] = stack.of_type("Custom::Migration").values()
    declared = migration["SchemaRevision"]
    return [] if declared == head else [f"SchemaRevision is {declared}, Alembic's head {head}"]


def refusals_of_the_gateway_are_problems(stack: Stack) -> list[str]:
    [api] = stack.of_type("AWS::Serverless::Api").values()
    responses = api["GatewayResponses"]
    found = [kind for kind, response in responses.items() if not _is_a_problem(response)]
    found += [
        f"{kind} replaces the status of others" for kind in _DEFAULTS if _sets(responses, kind)
    ]
    statuses = {kind: each.get("StatusCode") for kind, each in responses.items()}
    return found + [kind for kind, status in _REFUSALS.items() if statuses.get(kind) != status]


# API Gateway gives a default's StatusCode to every refusal that the template does not name.
_DEFAULTS = ("DEFAULT_4XX", "DEFAULT_5XX")
_REFUSALS = {
    "WAF_FILTERED": 403, "ACCESS_DENIED": 403, "MISSING_AUTHENTICATION_TOKEN": 404,
    "REQUEST_TOO_LARGE": 413, "UNSUPPORTED_MEDIA_TYPE": 415, "THROTTLED": 429,
    "INTEGRATION_TIMEOUT": 504, "INTEGRATION_FAILURE": 504,
}  # fmt: skip


def _sets(responses: Resource, kind: str) -> bool:
    return "StatusCode" in responses[kind]


def _is_a_problem(response: Resource) -> bool:
    body = json.loads(response["ResponseTemplates"]["application/json"])
    headers = response["ResponseParameters"]["Headers"]
    return (
        set(body) == (PROBLEM_MEMBERS if "StatusCode" in response else PROBLEM_MEMBERS - {"status"})
        and body.get("status") == response.get("StatusCode")
        and body["request_id"] == "$context.requestId"
        and headers.get("X-Request-Id") == "context.requestId"
        and headers.get("X-Content-Type-Options") == "'nosniff'"
        and headers["Content-Type"] == "'application/problem+json'"
    )


def an_alarm_reaches_operators_and_names_its_runbook(stack: Stack) -> list[str]:
    return [
        name
        for name, alarm in stack.of_type("AWS::CloudWatch::Alarm").items()
        if [named(action) for action in alarm.get("AlarmActions", [])] != ["OpsTopic"]
        or not _runbook(alarm).is_file()
    ]


def an_alarm_is_raised_at_what_its_description_says(stack: Stack) -> list[str]:
    """More than so many, or so many percent, or so many seconds; else more than none."""
    said = re.compile(r"[Mm]ore than ([0-9]+) (%?)(?!min\b)")
    found = []
    for name, alarm in stack.of_type("AWS::CloudWatch::Alarm").items():
        limit = said.search(str(alarm["AlarmDescription"]))
        threshold = int(limit[1]) / (100 if limit[2] else 1) if limit else 0
        raised_at = alarm["ComparisonOperator"], float(alarm["Threshold"])
        if raised_at != ("GreaterThanThreshold", threshold):
            found.append(name)
    return found


def what_the_dashboard_shows_is_measured(stack: Stack) -> list[str]:
    """Its body is JSON, and each metric of ours in it is one that the code sends."""
    [dashboard] = stack.of_type("AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    shown = {
        metric[1]
        for widget in widgets
        for metric in widget["properties"]["metrics"]
        if metric[0] == "Lastunit"
    }
    return sorted(shown - _metrics_sent()) or ([] if shown else ["none of ours is shown"])


def an_alarm_watches_what_is_measured(stack: Stack) -> list[str]:
    return [
        name
        for name, alarm in stack.of_type("AWS::CloudWatch::Alarm").items()
        if alarm["Namespace"] == "Lastunit"
        and (
            alarm["MetricName"] not in _metrics_sent()
            or alarm["Dimensions"] != [{"Name": "service", "Value": "lastunit"}]
        )
    ]


@cache
def _metrics_sent() -> set[str]:
    """The names in count("Name") and gauge("Name", …)."""
    folders = ROOT / "layers/domain/python", ROOT / "functions"
    calls = re.compile(r"\b(?:count|gauge)\(\s*\"(\w+)\"")
    return {
        name
        for folder in folders
        for file in folder.rglob("*.py")
        for name in calls.findall(file.read_text(encoding="utf-8"))
    }


def dead_letters_can_be_found_by_operators(stack: Stack) -> list[str]:
    """Each dead-letter queue is an output XDeadLetterQueueUrl, its work queue XQueueUrl."""
    outputs = {name: _queue_of(each["Value"]) for name, each in stack.template["Outputs"].items()}
    found = {
        queue: outputs.get(name.replace("DeadLetterQueueUrl", "QueueUrl"))
        for name, queue in outputs.items()
        if name.endswith("DeadLetterQueueUrl")
    }
    sources = {
        named(queue["RedrivePolicy"]["deadLetterTargetArn"]): name
        for name, queue in work_queues(stack).items()
    }
    return [
        name
        for name in sorted(dead_letter_queues(stack))
        if name not in found or found[name] != sources.get(name)
    ]


def the_console_knows_every_queue_with_dead_letters(stack: Stack) -> list[str]:
    """By its name without the stack's; those that have no queue to go back to apart."""
    queues = stack.of_type("AWS::SQS::Queue")
    named_so = {
        name: queue["QueueName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        for name, queue in queues.items()
    }
    work = set(work_queues(stack))
    alone = {
        named_so[name].removesuffix("-dead-letters")
        for name in dead_letter_queues(stack)
        if name.replace("DeadLetterQueue", "Queue") not in work
    }
    variables = _shared_variables(stack)
    wanted = {
        "QUEUES": {named_so[name] for name in work},
        "DEAD_LETTER_ONLY_QUEUES": alone,
    }
    return [
        f"{variable}: {name}"
        for variable, names in wanted.items()
        for name in names ^ set(_joined(variables.get(variable, "")).split(","))
    ]


def _joined(value: Any) -> str:
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(parts)
    return str(value)


def operators_may_deal_with_every_dead_letter_and_no_other(stack: Stack) -> list[str]:
    """Look, delete, and send back: each permission names exactly the queues that it is for."""
    letters, work = dead_letter_queues(stack), set(work_queues(stack))
    wanted = {
        "ReadDeadLetters": letters,
        "DeleteDeadLetters": letters,
        "RedriveDeadLettersRole": work,
        "ReadDeadLettersRole": work,  # to count what was redriven
    }
    found: dict[str, set[str]] = {}
    for name, statement in _statements(stack):
        found.setdefault(name, set()).update(map(named, _as_list(statement["Resource"])))
    return [
        f"{name}: {queue}"
        for name, queues in wanted.items()
        for queue in queues ^ found.get(name, set())
    ]


def _queue_of(output: Any) -> str:
    """The queue behind an output, also where it is a leaf stack's."""
    match output:
        case {"Fn::GetAtt": [leaf, attribute]}:
            return f"{leaf}/{attribute.removeprefix('Outputs.').removesuffix('Url')}"
    return named(output)


def _runbook(alarm: Resource) -> Path:
    found = re.search(r"docs/runbooks/[\w-]+\.md", json.dumps(alarm.get("AlarmDescription", "")))
    return ROOT / (found[0] if found else "docs/runbooks/none named")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _json(file: Path) -> Resource:
    read: Resource = json.loads((ROOT / file).read_text(encoding="utf-8"))
    return read


# --- each rule, and what breaks it ---------------------------------------------------------------

Rule = Callable[[Stack], list[str]]
Break = Callable[[Stack], object]

QUEUE, LETTERS = "ShippingOrderConfirmed/Queue", "ShippingOrderConfirmed/DeadLetterQueue"
MACHINE, ROLE = "RankingStateMachine", "RankingStateMachineRole"
READER, SCHEDULED, API = "OnOrderConfirmedFunction", "EveryMinuteRelayFunction", "Api"


def change(name: str, *path: str | int, to: Any) -> Break:
    """Set one property of one resource."""

    def broken(stack: Stack) -> None:
        place: Any = stack.resources[name]["Properties"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return broken


def drop(name: str, *path: str | int) -> Break:
    """Remove one property of one resource, or the resource."""

    def broken(stack: Stack) -> None:
        *steps, last = (name, "Properties", *path) if path else (name,)
        place: Any = stack.resources
        for step in steps:
            place = place[step]
        del place[last]

    return broken


def change_state(*path: str | int, to: Any) -> Break:
    """Set one property of one state; a state within a Map follows its name."""

    def broken(stack: Stack) -> None:
        place: Any = stack.machines[MACHINE]["States"]
        for step in path[:-1]:
            if isinstance(place, dict) and step not in place:
                place = place["ItemProcessor"]["States"]
            place = place[step]
        place[path[-1]] = to

    return broken


BREAKS: list[tuple[Rule, Break]] = [
    (a_queue_has_dead_letters_and_a_count_of_tries, drop(QUEUE, "RedrivePolicy")),
    (a_queue_has_dead_letters_and_a_count_of_tries,
     change(QUEUE, "RedrivePolicy", "maxReceiveCount", to=0)),
    (dead_letters_outlive_the_queue, drop(LETTERS, "MessageRetentionPeriod")),
    (dead_letters_outlive_the_queue, change(QUEUE, "MessageRetentionPeriod", to=14 * DAY_SECONDS)),
    (dead_letters_raise_an_alarm, drop("ShippingOrderConfirmed/DeadLetterAlarm")),
    (dead_letters_raise_an_alarm, change("ScheduleDeadLetterAlarm", "Threshold", to=5)),
    (a_queue_has_one_reader, drop(READER, "Events")),
    (a_reader_answers_for_each_message,
     drop(READER, "Events", "Queue", "Properties", "FunctionResponseTypes")),
    (a_queue_is_subscribed_to_what_its_reader_handles,
     change("ProductLikeChanged/Subscription", "EventPattern", "detail-type", to="ProductLiked")),
    (a_password_reset_waits_behind_no_order,
     change("MailRequested/Subscription", "EventPattern", "detail-type",
            to="PasswordResetRequested,OrderConfirmed")),
    (a_message_stays_hidden_for_six_times_the_time_out, change(QUEUE, "VisibilityTimeout", to=359)),
    (the_last_try_is_the_queues_last, change(QUEUE, "RedrivePolicy", "maxReceiveCount", to=4)),
    (what_cannot_be_delivered_is_kept,
     drop("ShippingOrderConfirmed/Subscription", "Targets", 0, "DeadLetterConfig")),
    (what_cannot_be_delivered_is_kept,
     drop(SCHEDULED, "Events", "EveryMinute", "Properties", "DeadLetterConfig")),
    (what_cannot_be_delivered_is_kept, drop("SchedulesMaySend")),
    (no_permission_has_a_wildcard,
     change("PutEvents", "PolicyDocument", "Statement", 0, "Action", to="events:*")),
    (no_permission_has_a_wildcard,
     change("OrderConfirmedConsumerRole", "Policies", 0, "PolicyDocument", "Statement", 0,
            "Resource", to="*")),
    (no_permission_has_a_wildcard,
     change("RunFunctions", "PolicyDocument", "Statement", 2, "Fn::If", 1, "Action",
            to="ec2:TerminateInstances")),
    (a_function_takes_its_permissions_from_a_declared_role, drop("GetMeFunction", "Role")),
    (a_function_takes_its_permissions_from_a_declared_role,
     change("GetMeFunction", "Policies", to=[{"Ref": "ReadTokenSecret"}])),
    (a_role_is_used,
     lambda stack: stack.resources.update(NewRole={"Type": "AWS::IAM::Role", "Properties": {}})),
    (a_role_grants_what_each_of_its_functions_needs_and_no_more,
     change("SignUpRole", "ManagedPolicyArns", 0, to={"Ref": "ReadTokenSecret"})),
    (a_role_grants_what_each_of_its_functions_needs_and_no_more,
     change("GetBrandFunction", "Role", to={"Fn::GetAtt": ["SignedInCatalogueRole", "Arn"]})),
    (a_role_grants_what_each_of_its_functions_needs_and_no_more,
     change("OnPaymentFailedFunction", "Role",
            to={"Fn::GetAtt": ["CardPaymentConsumerRole", "Arn"]})),
    (a_role_grants_what_each_of_its_functions_needs_and_no_more,
     change("NudgeConsumerRole", "Policies", 0, "PolicyDocument", "Statement", 0, "Resource",
            to={"Fn::GetAtt": ["UserActed/Queue", "Arn"]})),
    (a_role_grants_what_each_of_its_functions_needs_and_no_more,
     change("OrderCancelledConsumerRole", "Policies", 0, "PolicyDocument", "Statement", 0,
            "Action", to=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"])),
    (a_role_grants_what_each_of_its_functions_needs_and_no_more,
     change("NudgeConsumerRole", "Policies", 0, "PolicyDocument", "Statement", 0, "Action",
            to="sqs:ReceiveMessage")),
    (nested_functions_have_the_globals_of_the_root,
     lambda stack: stack.nested["Globals"]["Function"].update(MemorySize=128)),
    (nested_functions_have_the_globals_of_the_root,
     lambda stack: stack.nested["Globals"]["Function"]["Environment"]["Variables"].update(
         EVENT_BUS_NAME="default")),
    (nested_conditions_and_layers_are_the_roots,
     lambda stack: stack.nested["Conditions"].update(Production={"Fn::Equals": ["a", "b"]})),
    (nested_conditions_and_layers_are_the_roots,
     lambda stack: stack.nested["Resources"].pop("DomainLayer")
     and stack.nested["Resources"].pop("DependenciesLayer")),
    (no_permission_has_a_wildcard,
     change(ROLE, "Policies", 1, "Fn::If", 1, "PolicyDocument", "Statement", 0, "Action",
            to=["xray:PutTraceSegments", "logs:DeleteLogGroup"])),
    (a_queue_takes_messages_from_a_named_source_only,
     drop("SchedulesMaySend", "PolicyDocument", "Statement", 0, "Condition")),
    (no_secret_is_in_the_environment,
     lambda stack: _shared_variables(stack).update(DATABASE_URL={"Ref": "DatabaseUrl"})),
    (functions_and_files_correspond, lambda stack: stack.functions.pop("GetMeFunction")),
    (functions_and_files_correspond, lambda stack: stack.source_files.clear()),
    (functions_and_sample_events_correspond, lambda stack: stack.event_files.pop()),
    (a_sample_is_what_the_function_gets,
     change("PlaceOrderFunction", "Events", "Http", "Properties", "Path", to="/order")),
    (a_function_has_one_kind_of_trigger,
     lambda stack: stack.functions["GetMeFunction"].events.update(Another={"Type": "SQS"})),
    (a_schedule_is_what_its_functions_name_says,
     change(SCHEDULED, "Events", "EveryMinute", "Properties", "Schedule", to="rate(1 hour)")),
    (a_schedule_is_what_its_functions_name_says,
     change("DailyCleanUpFunction", "Events", "EveryDay", "Properties", "Schedule",
            to="cron(30 3 * * ? *)")),
    (no_folder_hides_a_module_of_python,
     lambda stack: stack.functions.update(X=_function("http.refuse.handler"))),
    (a_variable_is_text, lambda stack: _shared_variables(stack).update(TOKEN_LIFETIME_SECONDS=900)),
    (settings_are_in_the_environment, lambda stack: _shared_variables(stack).pop("DELIVERY_URL")),
    (a_deploy_migrates_to_the_newest_revision, change("Migration", "SchemaRevision", to="0000")),
    (refusals_of_the_gateway_are_problems,
     change(API, "GatewayResponses", "THROTTLED", "StatusCode", to=503)),
    (refusals_of_the_gateway_are_problems,
     drop(API, "GatewayResponses", "DEFAULT_5XX", "ResponseParameters", "Headers", "X-Request-Id")),
    (refusals_of_the_gateway_are_problems,
     lambda stack: stack.resources[API]["Properties"]["GatewayResponses"]["DEFAULT_4XX"].update(
         StatusCode=400)),
    (refusals_of_the_gateway_are_problems, drop(API, "GatewayResponses", "WAF_FILTERED")),
    (an_alarm_reaches_operators_and_names_its_runbook,
     change("ApiErrorsAlarm", "AlarmDescription", to="See docs/runbooks/unwritten.md")),
    (an_alarm_reaches_operators_and_names_its_runbook, drop("OutboxStuckAlarm", "AlarmActions")),
    (an_alarm_is_raised_at_what_its_description_says, change("ApiErrorsAlarm", "Threshold", to=1)),
    (an_alarm_is_raised_at_what_its_description_says,
     change("QuarantineAlarm", "ComparisonOperator", to="LessThanThreshold")),
    (an_alarm_watches_what_is_measured, change("QuarantineAlarm", "MetricName", to="SetAside")),
    (an_alarm_watches_what_is_measured, drop("UnauthenticatedAlarm", "Dimensions", 0)),
    (what_the_dashboard_shows_is_measured,
     change("Dashboard", "DashboardBody", to={"Fn::Sub": '{"widgets": []}'})),
    (a_task_is_tried_again, change_state("RankChunks", "SkipChunk", "Retry", to=[])),
    (a_task_is_tried_again, change_state("PublishRanks", "Retry", 1, "MaxAttempts", to=0)),
    (a_task_waits_longer_than_its_function, change_state("FailRun", "TimeoutSeconds", to=30)),
    (a_map_survives_one_bad_item, change_state("RankChunks", "Catch", to=[])),
    (a_map_survives_one_bad_item, change_state("RankChunks", "RankChunk", "Catch", to=[])),
    (an_execution_ends, lambda stack: stack.machines[MACHINE].pop("TimeoutSeconds")),
    (no_permission_has_a_wildcard,
     change(ROLE, "Policies", 0, "PolicyDocument", "Statement", 0, "Action", to="lambda:*")),
    (a_machine_may_call_its_tasks_and_nothing_else,
     drop(ROLE, "Policies", 0, "PolicyDocument", "Statement", 0, "Resource", 4)),
    (a_machine_may_call_its_tasks_and_nothing_else,
     change(ROLE, "Policies", 0, "PolicyDocument", "Statement", 0, "Action",
            to="lambda:InvokeAsync")),
    (a_failed_execution_raises_an_alarm, drop("RankingRunTimedOutAlarm")),
    (dead_letters_can_be_found_by_operators,
     lambda stack: stack.template["Outputs"].pop("ShippingDeadLetterQueueUrl")),
    (dead_letters_can_be_found_by_operators,
     lambda stack: stack.template["Outputs"].pop("ShippingQueueUrl")),
    (the_console_knows_every_queue_with_dead_letters,
     lambda stack: _shared_variables(stack)["QUEUES"]["Fn::Join"][1].pop()),
    (the_console_knows_every_queue_with_dead_letters,
     lambda stack: _shared_variables(stack).update(DEAD_LETTER_ONLY_QUEUES="")),
    (operators_may_deal_with_every_dead_letter_and_no_other,
     drop("DeleteDeadLetters", "PolicyDocument", "Statement", 0, "Resource", 0)),
    (operators_may_deal_with_every_dead_letter_and_no_other,
     drop("RedriveDeadLettersRole", "Policies", 0, "PolicyDocument", "Statement", 0,
          "Resource", 0)),
]  # fmt: skip
RULES = list(dict.fromkeys(rule for rule, _ in BREAKS))


def _function(handler: str) -> Function:
    return Function("X", handler, "functions/", 10, {}, {})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_obeys_the_rule(rule: Rule) -> None:
    assert rule(pristine()) == []


@cache
def pickled() -> bytes:
    return pickle.dumps(pristine())


@pytest.mark.parametrize(("rule", "broken"), BREAKS, ids=lambda each: each.__name__)
def test_the_rule_finds_its_violation(rule: Rule, broken: Break) -> None:
    stack = pickle.loads(pickled())  # noqa: S301 - our own; deepcopy takes five times as long

    broken(stack)

    assert rule(stack) != []
