"""The environment of the running stack's functions, for code that runs in this process instead."""

import os
import sys
from collections.abc import Mapping

from infra.local.deployment import REGION
from infra.local.env_file import read_env
from infra.local.errors import LocalError
from infra.local.samples import STACK, client
from infra.template import ROOT, Function, functions, read_template

LOCAL = ROOT / ".local"
NEEDED = (
    *("API_URL", "DATABASE_URL", "VALKEY_URL", "AWS_ENDPOINT_URL"),
    *("DELIVERY_URL", "GATEWAY_URL", "ADMIN_TOKEN"),
)
OF_THE_MACHINE = ("PATH", "HOME", "LANG", "LC_ALL", "TERM", "TZ", "LD_LIBRARY_PATH")
DOMAIN = ROOT / "layers" / "domain" / "python"


def running_system() -> dict[str, str]:
    """Return the variables of .local/env, or those that this process has after sourcing it.

    Raises LocalError where nothing runs.
    """
    sourced = {name: os.environ.get(name, "") for name in NEEDED}
    running = sourced if all(sourced.values()) else read_env(LOCAL / "env")
    if not running:
        raise LocalError("Nothing runs here: start it with make up, in another shell.")
    return running


def find_function(logical_id: str, command: str) -> Function:
    """Return a function of the template. Raises LocalError, which lists them, for another name."""
    known = {function.logical_id: function for function in functions(read_template())}
    if logical_id not in known:
        wanted = f"There is no {logical_id}." if logical_id else "Which function?"
        raise LocalError(f"{wanted} {command} FUNCTION=… takes one of {', '.join(known)}")
    return known[logical_id]


def physical_name(logical_id: str, running: Mapping[str, str]) -> str:
    """Return what the deployed function is called."""
    cloudformation = client("cloudformation", running)
    try:
        found = cloudformation.describe_stack_resource(
            StackName=STACK, LogicalResourceId=logical_id
        )
    except cloudformation.exceptions.ClientError as error:
        raise LocalError(
            f"{logical_id} is not deployed: make down; make up deploys the template."
        ) from error
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def become(logical_id: str, running: Mapping[str, str]) -> None:
    """Give this process the environment of a deployed function, and the work tree's code."""
    name = physical_name(logical_id, running)
    configuration = client("lambda", running).get_function_configuration(FunctionName=name)
    kept = {each: os.environ[each] for each in OF_THE_MACHINE if each in os.environ}
    os.environ.clear()  # a deployed function sees nothing of the shell either
    os.environ |= kept
    os.environ |= configuration["Environment"]["Variables"]
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": running["AWS_ENDPOINT_URL"],
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "POWERTOOLS_TRACE_DISABLED": "true",  # nothing here takes traces
    }
    sys.path.insert(0, str(DOMAIN))
