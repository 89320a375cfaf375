"""Run functions in AWS's own container image, with their sample events.

    python -m infra.local.sam_local PlaceOrderFunction   one function, once
    python -m infra.local.sam_local all                  every function; writes
                                             .local/artifacts/sam-local.md
    python -m infra.local.sam_local api                  the HTTP API, until Ctrl-C

What follows goes to `sam local invoke`, or `sam local start-api`. They run what `make up` has
built, against the servers that `make up` runs; samples are made real first (samples.py).
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from infra.local.api import Json
from infra.local.beacon import relay_urls
from infra.local.deployment import Deployment, python_runtime
from infra.local.docker_bridge import reachable
from infra.local.errors import LocalError
from infra.local.functions import LOCAL, find_function, running_system
from infra.local.live import LiveCode
from infra.local.ports import LOOPBACK
from infra.local.sam_table import ApiCall, Invocation, calls_of_an_order, write_table
from infra.local.samples import STACK, Scene, client
from infra.template import (
    ROOT,
    Function,
    as_deployed,
    functions,
    layers_of,
    read_template,
    resources,
    write_template,
)

SAM = Path(sys.executable).with_name("sam")
OF_LOCAL = (
    "AWS_ENDPOINT_URL", "DATABASE_URL", "VALKEY_URL", "DELIVERY_URL", "GATEWAY_URL", "BEACON_URL",
)  # fmt: skip
COLD_START_SECONDS = 120
JOBS = 4  # at once: a container that starts mostly waits
PAYS = "PayOrderFunction"  # its scene is not over before it has run
CAPTURED: dict[str, Any] = {"capture_output": True, "text": True}
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "SAM_CLI_TELEMETRY": "0",
}


@dataclass(frozen=True, slots=True)
class SamLocal:
    """`sam local`, told where the running servers are."""

    running: Mapping[str, str]
    template: Path
    environment: Path

    def command(self, *words: str | Path) -> list[str | Path]:
        """Return the command line of `sam local` with these words."""
        runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
        values = {
            "PythonRuntime": runtime,
            "ValkeyUrl": self.running["VALKEY_URL"],
            "DeliveryUrl": self.running["DELIVERY_URL"],
            "GatewayUrl": self.running["GATEWAY_URL"],
            "BeaconUrls": relay_urls(self.running["BEACON_URL"]),
            "BeaconChain": "SIMULATED",
            "GatewayCallbackUrl": f"{self.running['API_URL']}/payments/callbacks",
        }
        overrides = " ".join(f"{name}={value}" for name, value in values.items())
        command: list[str | Path] = [SAM, "local", *words]
        command += ["--template", self.template, "--config-env", "local"]
        return [*command, "--env-vars", self.environment, "--parameter-overrides", overrides]

    def write_event(self, function: Function) -> Path:
        """Write the function's sample with everything in it real. Raises LocalError."""
        name = f"{function.event_file.stem}.json"
        return _write(name, Scene(function, self.running).event())

    def invoke(
        self, function: Function, event_file: Path, arguments: list[str], **more: Any
    ) -> "subprocess.CompletedProcess[str]":
        """Run the function once; its answer goes to stdout, its log to stderr."""
        command = self.command("invoke", function.logical_id)
        command += ["--event", event_file, *arguments]
        return subprocess.run(command, cwd=ROOT, env=_environment(), check=False, **more)

    def start_api(self, arguments: list[str], **more: Any) -> subprocess.Popen[bytes]:
        """Serve the HTTP API; containers stay for the next request."""
        command = self.command("start-api", "--warm-containers", "LAZY")
        return subprocess.Popen([*command, *arguments], cwd=ROOT, env=_environment(), **more)


def invoke(logical_id: str, arguments: list[str]) -> int:
    """Run one function; return SAM's code."""
    function = find_function(logical_id, "make sam-local")
    with _sam_local() as sam:
        return sam.invoke(function, sam.write_event(function), arguments).returncode


def invoke_all(arguments: list[str]) -> int:
    """Run every function and ask the API served by start-api; write the table of both."""
    every = list(functions(read_template()))
    done: list[Invocation] = []
    with _sam_local(_with_layers_inside) as sam, ThreadPoolExecutor(JOBS) as jobs:
        for each in jobs.map(lambda function: _judged(sam, function, arguments), every):
            done.append(each)
            name = each.function.logical_id
            print(f"[{len(done)}/{len(every)}] {name}: {each.shown}", flush=True)
            if not each.is_right:
                print(each.log[-3000:], file=sys.stderr, flush=True)
    write_table(done, [])  # what has been seen so far
    with _sam_local(_with_layers_inside) as sam:
        calls = _ask_start_api(sam, arguments)
    write_table(done, calls)
    wrong = sum(not each.is_right for each in done) + sum(not each.is_right for each in calls)
    print(f"{len(done)} functions, {len(calls)} requests, {wrong} not as they should be.")
    return 1 if wrong else 0


_one_scene_at_a_time = Lock()  # they tell the gateway how to meet the next payment


def _judged(sam: SamLocal, function: Function, arguments: list[str]) -> Invocation:
    try:
        with _one_scene_at_a_time:
            event_file = sam.write_event(function)
            if function.logical_id == PAYS:
                ended = sam.invoke(function, event_file, arguments, **CAPTURED)
                return Invocation.of(function, ended)
    except LocalError as error:
        return Invocation(function, None, f"its sample cannot be made real: {error}")
    return Invocation.of(function, sam.invoke(function, event_file, arguments, **CAPTURED))


def _ask_start_api(sam: SamLocal, arguments: list[str]) -> list[ApiCall]:
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    print(f"sam local start-api on port {port} …", flush=True)
    with (LOCAL / "log" / "sam-start-api.log").open("wb") as log:
        api = sam.start_api([*arguments, "--port", str(port)], stdout=log, stderr=log)
        try:
            return list(calls_of_an_order(f"http://{LOOPBACK}:{port}"))
        finally:
            api.terminate()
            api.wait()


def serve(arguments: list[str]) -> int:
    """Serve the HTTP API until Ctrl-C."""
    with _sam_local() as sam:
        api = sam.start_api(arguments)
        try:
            return api.wait()
        except KeyboardInterrupt:
            return api.wait()  # it has had the signal too, and removes its containers


@contextmanager
def _sam_local(changed: Callable[[Json, Path], None] = lambda *_: None) -> Iterator[SamLocal]:
    """Give `sam local` while the servers can be reached from containers. Raises LocalError.

    `changed` is what is to be done to the built template, whose folder is given, first.
    """
    running = running_system()
    built = _built(running)
    template = read_template(built / "template.yaml")
    variables = {**_deployed(running), **{name: running[name] for name in OF_LOCAL}}
    declared = template["Globals"]["Function"]["Environment"]["Variables"]
    declared.update(dict.fromkeys(OF_LOCAL, ""))  # SAM sets no variable that is not declared
    changed(template, built)
    written = built / "sam-local.yaml"
    write_template(template, written)
    with reachable(variables) as seen:
        environment = _write("env.json", json.dumps({"Parameters": seen}))
        yield SamLocal(running, written, environment)


def _built(running: Mapping[str, str]) -> Path:
    """Return the folder of what `sam build` made of the code as it is now.

    What `make up` built is of before the first reload: then it is built again, in another place.
    """
    deployment = Deployment(LOCAL, running["AWS_ENDPOINT_URL"], {"PythonRuntime": python_runtime()})
    if LiveCode(deployment).is_as_deployed():
        return LOCAL / "build"
    print("Code was saved since the deploy: sam build …", file=sys.stderr, flush=True)
    return deployment.build("sam-local-build")


def _with_layers_inside(template: Json, built: Path) -> None:
    """Lay the layers into the functions' packages, as for LocalStack, and give cold starts time.

    SAM would make an image of the layers anew for each function. And it counts a container's start
    as the function's time, of which a laptop needs more than AWS.
    """
    packages: dict[str, Path] = {}
    shipped = read_template()  # `make up` gives functions a layer more, for code that is reloaded
    template["Globals"]["Function"]["Layers"] = shipped["Globals"]["Function"]["Layers"]
    sources = {each.logical_id: each for each in functions(shipped)}
    for name, properties in resources(template, "AWS::Serverless::Function").items():
        if (source := sources[name].code_uri) not in packages:
            packages[source] = LOCAL / "sam-local" / Path(source).name
            shutil.rmtree(packages[source], ignore_errors=True)
            own = layers_of(template, sources[name].properties)
            layers = [built / each / "python" for each in own]
            for folder in (built / properties["CodeUri"], *layers):
                shutil.copytree(folder, packages[source], copy_function=_link, dirs_exist_ok=True)
        properties["CodeUri"] = str(packages[source])
        properties.pop("Layers", None)
        properties["Timeout"] = COLD_START_SECONDS
    del template["Globals"]["Function"]["Layers"]


def _link(source: str, target: str) -> None:
    """Link a file; as in Lambda, that of a later layer takes the place of an earlier one's."""
    Path(target).unlink(missing_ok=True)
    os.link(source, target)


def variables_by_output() -> dict[str, str]:
    """Return the functions' variables that an output of a local stack gives too, and which output.

    SAM makes up values for what only a deployed stack knows: ARNs, queues' addresses, names.
    """
    template = as_deployed(read_template(), {})
    outputs = {json.dumps(each["Value"]): name for name, each in template["Outputs"].items()}
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    own = [function.properties.get("Environment", {}) for function in functions(template)]
    variables = [shared, *(each.get("Variables", {}) for each in own)]
    return {
        name: outputs[json.dumps(value)]
        for declared in variables
        for name, value in declared.items()
        if json.dumps(value) in outputs
    }


def _deployed(running: Mapping[str, str]) -> dict[str, str]:
    """Return what the stack that runs says its functions' variables are."""
    stack = client("cloudformation", running).describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    return {name: outputs[output] for name, output in variables_by_output().items()}


def _environment() -> dict[str, str]:
    return {**os.environ, **ACCOUNT}


def _write(name: str, text: str) -> Path:
    file = LOCAL / "sam-local" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # it holds a token, or the database's password
    file.write_text(text, encoding="utf-8")
    return file


def main(arguments: list[str]) -> int:
    """Run what is named first; say in one line what is wrong."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    try:
        if name == "all":
            return invoke_all(rest)
        return serve(rest) if name == "api" else invoke(name, rest)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
