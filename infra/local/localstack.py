"""Deploys template.yaml to a LocalStack that already runs, its free edition included.

That edition applies no layers and has no custom resources. So `build` copies the layers into the
functions' own packages and leaves both out of the templates, and `deploy` calls MigrateFunction.
Everything else is as on AWS, the nested stacks too. LocalStack 4.14 cannot update an API's stage
in place ("Stage already exists"), so a stack that exists is deleted first.
"""

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from infra.local.api import Api
from infra.local.beacon import relay_urls
from infra.local.deployment import set_up_mail
from infra.local.env_file import write_env
from infra.local.errors import LocalError
from infra.local.localstack_servers import are_composed, ensure_servers
from infra.local.system import warm_up
from infra.template import (
    NESTED_STACK,
    ROOT,
    arguments_of,
    as_deployed,
    functions,
    layers_of,
    read_file,
    read_template,
    replaced,
    resources,
    without_versions,
    write_template,
)

STACK = "lastunit"
SAM = Path(sys.executable).with_name("sam")
WORK = ROOT / ".local" / "localstack"
BUILT = WORK / "build"
VARIANT = BUILT / "localstack.yaml"
ENVIRONMENT = WORK / "env"
DELETE_TIMEOUT_SECONDS = 300
DELETE_POLL_SECONDS = 3


class Address(NamedTuple):
    """The address of a service, seen from this machine and from within a function."""

    here: str
    in_function: str


COMPOSE = {  # as compose.yaml lays them out
    "DATABASE_URL": Address(
        "postgresql://lastunit:lastunit@127.0.0.1:15432/lastunit",
        "postgresql://lastunit:lastunit@postgres:5432/lastunit",
    ),
    "VALKEY_URL": Address("redis://127.0.0.1:16379/0", "redis://valkey:6379/0"),
    "DELIVERY_URL": Address("http://127.0.0.1:18081", "http://delivery:18080"),
    "GATEWAY_URL": Address("http://127.0.0.1:18082", "http://gateway:18080"),
    "BEACON_URL": Address("http://127.0.0.1:18083", "http://beacon:18080"),
}
# compose.yaml's, and nobody else's
GATEWAY_SECRET = "signs-callbacks-on-loopback"  # noqa: S105
DELIVERY_SECRET = "signs-notices-on-loopback"  # noqa: S105
CALLBACK_PATH = "/_aws/execute-api/{apiId}/{stage}/payments/callbacks"
ACCOUNT = {  # LocalStack takes any key, but takes none only from nobody
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "SAM_CLI_TELEMETRY": "0",
}


def addresses(environment: Mapping[str, str]) -> dict[str, Address]:
    """Read DATABASE_URL and its siblings; FUNCTION_DATABASE_URL where a function sees another.

    What is not set is where compose.yaml has it.
    """
    found = {}
    for name, default in COMPOSE.items():
        here = environment.get(name)
        inside = environment.get(f"FUNCTION_{name}")
        found[name] = Address(here, inside or here) if here else default
    return found


def build() -> None:
    """Build the packages and the template for `deploy`. Needs the package index, no LocalStack."""
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    print(f"Building for LocalStack with {runtime} …")
    overrides = ["--parameter-overrides", f"PythonRuntime={runtime}"]
    _run([SAM, "build", "--config-env", "localstack", *overrides])
    built = read_template(BUILT / "template.yaml")
    code = resources(built, "AWS::Serverless::Function")
    packages: dict[str, Path] = {}
    sources = {function.logical_id: function.code_uri for function in functions(read_template())}
    for logical_id, source in sources.items():
        if source not in packages:
            packages[source] = BUILT / f"{Path(source).name}.zip"
            layers = [BUILT / each / "python" for each in layers_of(built, code[logical_id])]
            _pack(packages[source], [BUILT / code[logical_id]["CodeUri"], *layers])
    _write_variants({logical_id: packages[source] for logical_id, source in sources.items()})


_LAYER = "AWS::Serverless::LayerVersion"
_LEFT_OUT = (_LAYER, "Custom::Migration")


def _write_variants(packages: dict[str, Path]) -> None:
    """Write the built templates for LocalStack: the nested one with functions, and the root."""
    root = read_file(BUILT / "template.yaml")
    defaults = {name: each.get("Default", name) for name, each in root["Parameters"].items()}
    for stack in resources(root, NESTED_STACK).values():
        file = BUILT / stack["TemplateURL"]
        nested = read_file(file)
        if "Transform" in nested:
            arguments = replaced(arguments_of(stack, nested), defaults)
            write_template(_variant(nested, arguments, packages), file.with_name(VARIANT.name))
            stack["TemplateURL"] = str(Path(stack["TemplateURL"]).with_name(VARIANT.name))
    write_template(_variant(root, {}, packages), VARIANT)


def _variant(
    template: dict[str, Any], arguments: dict[str, Any], packages: dict[str, Path]
) -> dict[str, Any]:
    """Return a built template without layers, each function on a package that holds them.

    Its conditions are decided: LocalStack is never given what only production has.
    """
    template = as_deployed(without_versions(template), arguments)
    del template["Globals"]["Function"]["Layers"]
    template["Resources"] = {
        logical_id: resource
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] not in _LEFT_OUT
    }
    for logical_id, function in resources(template, "AWS::Serverless::Function").items():
        function["CodeUri"] = str(packages[logical_id])
        function.pop("Layers", None)
    return template


def _pack(package: Path, folders: list[Path]) -> None:
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for folder in folders:
            for file in sorted(folder.rglob("*")):
                # LocalStack unpacks the package for each function: bytecode would double the time.
                if file.is_file() and "__pycache__" not in file.parts:
                    archive.write(file, file.relative_to(folder))
    print(f"  {package.relative_to(ROOT)}: {package.stat().st_size / 1e6:.0f} MB")


def deploy() -> None:
    """Deploy, migrate, and leave .local/localstack/env for the end-to-end tests."""
    os.environ.update({name: os.environ.get(name, value) for name, value in ACCOUNT.items()})
    _name_servers(os.environ)
    services = addresses(os.environ)
    if not VARIANT.exists():
        raise LocalError("Nothing is built for LocalStack yet: run make localstack-build")
    print(f"Deploying to {os.environ['AWS_ENDPOINT_URL']} …")
    _delete_former()
    values = {
        "PythonRuntime": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "ShippingRetryBaseSeconds": os.environ.get("SHIPPING_RETRY_BASE_SECONDS", "1"),
        "DatabaseUrl": services["DATABASE_URL"].in_function,
        "ValkeyUrl": services["VALKEY_URL"].in_function,
        "DeliveryUrl": services["DELIVERY_URL"].in_function,
        "DeliverySecret": os.environ.get("DELIVERY_SECRET", DELIVERY_SECRET),
        "GatewayUrl": services["GATEWAY_URL"].in_function,
        "GatewaySecret": os.environ.get("GATEWAY_SECRET", GATEWAY_SECRET),
        "GatewayCallbackUrl": _callback_url(os.environ),
        "BeaconUrls": relay_urls(services["BEACON_URL"].in_function),
        "BeaconChain": "SIMULATED",
    }
    overrides = [f"{name}={value}" for name, value in values.items()]
    _run([SAM, "deploy", "--config-env", "localstack", "--parameter-overrides", *overrides])
    outputs = _outputs()
    _migrate(outputs["MigrateFunctionName"])
    set_up_mail(boto3.client("ses"), outputs["MailFeedbackTopicArn"])
    api_url = f"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/{outputs['ApiId']}/v1"
    lines = {
        "API_URL": api_url,
        **{name: address.here for name, address in services.items()},
        **{name: os.environ[name] for name in ACCOUNT},
        "ADMIN_TOKEN": _admin_token(outputs["TokenSecretArn"]),
    }
    write_env(ENVIRONMENT, lines)
    print(f"{warm_up(Api(api_url))} functions are warm")
    print(f"API {api_url}\nEnvironment {ENVIRONMENT.relative_to(ROOT)}")


def _name_servers(environment: MutableMapping[str, str]) -> None:
    """Name servers of our own where none are named and compose.yaml's do not run."""
    if any(environment.get(name) for name in COMPOSE):
        return
    if not are_composed(COMPOSE["DATABASE_URL"].here):
        environment.update(ensure_servers())


def _callback_url(environment: Mapping[str, str]) -> str:
    """Return where the gateway reaches the API: GATEWAY_CALLBACK_URL, else by where it is itself.

    In compose.yaml's network it sees LocalStack by its name.
    """
    if given := environment.get("GATEWAY_CALLBACK_URL"):
        return given
    is_here = environment.get("GATEWAY_URL")
    endpoint = environment["AWS_ENDPOINT_URL"] if is_here else "http://localstack:4566"
    return endpoint + CALLBACK_PATH


def _delete_former() -> None:
    """Delete the stack; where LocalStack refuses that, its queues' stacks first."""
    cloudformation = boto3.client("cloudformation")
    deadline = time.monotonic() + DELETE_TIMEOUT_SECONDS
    while status := {
        stack["StackName"]: stack["StackStatus"]
        for stack in cloudformation.describe_stacks()["Stacks"]
        if stack["StackName"].partition("-")[0] == STACK
        and stack["StackStatus"] != "DELETE_COMPLETE"
    }:
        if time.monotonic() > deadline:
            names = ", ".join(status)
            raise LocalError(f"LocalStack does not delete {names}: restart it and try again.")
        whole = status.get(STACK, "DELETE_FAILED") != "DELETE_FAILED"
        for name in [STACK] if whole else sorted(status, reverse=True):
            if status[name] != "DELETE_IN_PROGRESS":
                print(f"Deleting the former {name} …")
                cloudformation.delete_stack(StackName=name)
        time.sleep(DELETE_POLL_SECONDS)
    _end_orphaned_pollers()


def _end_orphaned_pollers() -> None:
    """End what still polls the queues: a stack whose update failed leaves its functions behind."""
    functions_api = boto3.client("lambda")
    for mapping in functions_api.list_event_source_mappings()["EventSourceMappings"]:
        if mapping["FunctionArn"].rpartition(":")[2].startswith(f"{STACK}-"):
            functions_api.delete_event_source_mapping(UUID=mapping["UUID"])


def _outputs() -> dict[str, str]:
    stacks = boto3.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks[0]["Outputs"]}
    if unknown := [name for name, value in outputs.items() if "unknown" in value]:
        raise LocalError(
            f"LocalStack deployed resources that it does not have; see the outputs {unknown}."
        )
    return outputs


def _migrate(function: str) -> None:
    """Bring the schema to the code's revision: here no custom resource does."""
    started = time.monotonic()
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise LocalError(f"The migration failed: {body.get('errorMessage', body)}")
    print(f"Schema at revision {body['revision']} after {time.monotonic() - started:.1f} s")


def _admin_token(secret_arn: str) -> str:
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    command = [sys.executable, "-m", "infra.local.token"]
    command += ["--secret-arn", secret_arn, "--endpoint", endpoint]
    minted = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return minted.stdout.strip()


def _run(command: list[Any]) -> None:
    path = f"{SAM.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"  # the layers' Python
    environment = {**os.environ, "PATH": path}
    words = [str(part) for part in command]
    if subprocess.run(words, cwd=ROOT, env=environment, check=False).returncode:
        raise LocalError(f"{Path(command[0]).name} {command[1]} failed; its message is above.")


def main(arguments: list[str]) -> int:
    """Run `build` or `deploy`; say in one line what is wrong."""
    steps = {"build": build, "deploy": deploy}
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # in step with what sam prints
    if len(arguments) != 1 or arguments[0] not in steps:
        print("usage: python -m infra.local.localstack build | deploy", file=sys.stderr)
        return 2
    try:
        steps[arguments[0]]()
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
