"""Run one function in AWS's own container image, with its sample event.

    python -m infra.local.sam_local PlaceOrderFunction [arguments of sam local invoke]

It is `sam local invoke` on what `make up` has built, against the servers that `make up` runs. The
sample's token and ids are made real: a user who has just signed up asks, for a product that is
there. Servers listen on loopback, where a container cannot reach them, so while the function runs
their ports are forwarded from Docker's bridge; on Docker Desktop it reaches them by itself.
"""

import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import boto3

from infra.local.api import Api
from infra.local.demo import CHARGED_WON, sign_up
from infra.local.errors import LocalError
from infra.local.ports import LOOPBACK
from infra.template import ROOT, Function, functions, read_template, write_template

LOCAL = ROOT / ".local"
BUILT = LOCAL / "build" / "template.yaml"
SAM = Path(sys.executable).with_name("sam")
STACK = "lastunit"
DESKTOP_HOST = "host.docker.internal"
SAMPLE_TOKEN = "TOKEN"  # noqa: S105 - the placeholder in events/http
SAMPLE_PRODUCT_ID = "0198c0de-0000-7000-8000-00000000000a"
SAMPLE_BRAND_ID = "0198c0de-0000-7000-8000-00000000000b"
OF_OUTPUT = {  # which variable of the functions is which output of the stack
    "DATABASE_SECRET_ARN": "DatabaseSecretArn",
    "TOKEN_SECRET_ARN": "TokenSecretArn",
    "FINGERPRINT_SECRET_ARN": "FingerprintSecretArn",
    "GATEWAY_SECRET_ARN": "GatewaySecretArn",
    "EVENT_BUS_NAME": "EventBusName",
    "RELAY_QUEUE_URL": "RelayQueueUrl",
    "IDEMPOTENCY_TABLE_NAME": "IdempotencyTableName",
    "RANKING_STATE_MACHINE_ARN": "RankingStateMachineArn",
}
OF_LOCAL = ("AWS_ENDPOINT_URL", "DATABASE_URL", "VALKEY_URL", "DELIVERY_URL", "GATEWAY_URL")


def invoke(logical_id: str, arguments: list[str]) -> int:
    """Run the function once; its answer goes to stdout, its log to stderr, SAM's code back."""
    function = _find(logical_id)
    running = _running()
    if not BUILT.exists():
        raise LocalError("Nothing is built yet: make up builds it.")
    template = read_template(BUILT)
    declared = template["Globals"]["Function"]["Environment"]["Variables"]
    declared.update(dict.fromkeys(OF_LOCAL, ""))  # SAM sets no variable that is not declared
    write_template(template, BUILT.with_name("sam-local.yaml"))
    with ExitStack() as forwards:
        host = _host_seen_by_containers()
        variables = _variables(running)
        if host != DESKTOP_HOST:
            for port in sorted({port for port in map(_loopback_port, variables.values()) if port}):
                forwards.enter_context(_forward(host, port))
        seen = {name: _moved(value, host) for name, value in variables.items()}
        env_file = _write("env.json", json.dumps({"Parameters": seen}))
        event_file = _write("event.json", _event(function, running))
        return _sam_local_invoke(function, env_file, event_file, running, arguments)


def _find(logical_id: str) -> Function:
    known = {function.logical_id: function for function in functions(read_template())}
    if logical_id not in known:
        wanted = f"There is no {logical_id}." if logical_id else "Which function?"
        raise LocalError(f"{wanted} make sam-local FUNCTION=… takes one of {', '.join(known)}")
    return known[logical_id]


def _running() -> dict[str, str]:
    """Return what `make up` says of itself."""
    file = LOCAL / "env"
    if not file.exists():
        raise LocalError("Nothing runs here: start it with make up, in another shell.")
    lines = [line.partition("=") for line in file.read_text().splitlines()]
    return {name: value for name, _, value in lines}


def _variables(running: Mapping[str, str]) -> dict[str, str]:
    cloudformation = boto3.client(
        "cloudformation",
        endpoint_url=running["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the emulator asks for one
    )
    stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    deployed = {name: outputs[output] for name, output in OF_OUTPUT.items()}
    return {**deployed, **{name: running[name] for name in OF_LOCAL}}


def _event(function: Function, running: Mapping[str, str]) -> str:
    """Return the function's sample event, with somebody's token and a product that is there."""
    sample = (ROOT / function.event_file).read_text(encoding="utf-8")
    api = Api(running["API_URL"])
    if items := api.call("GET", "/products?limit=1")["items"]:
        sample = sample.replace(SAMPLE_PRODUCT_ID, items[0]["product_id"])
        sample = sample.replace(SAMPLE_BRAND_ID, items[0]["brand"]["brand_id"])
    if SAMPLE_TOKEN not in sample:
        return sample
    if '"path": "/admin' in sample:
        return sample.replace(SAMPLE_TOKEN, running["ADMIN_TOKEN"])
    buyer = sign_up(api)
    charge = {"amount": CHARGED_WON}
    buyer.api.call("POST", "/users/me/points/charges", charge, "sam-local-charge")
    return sample.replace(SAMPLE_TOKEN, str(buyer.api.token))


def _sam_local_invoke(
    function: Function,
    env_file: Path,
    event_file: Path,
    running: Mapping[str, str],
    arguments: list[str],
) -> int:
    runtime = f"PythonRuntime=python{sys.version_info.major}.{sys.version_info.minor}"
    urls = [
        f"{parameter}={running[name]}"
        for parameter, name in (
            ("ValkeyUrl", "VALKEY_URL"),
            ("DeliveryUrl", "DELIVERY_URL"),
            ("GatewayUrl", "GATEWAY_URL"),
        )
    ]
    command: list[str | Path] = [SAM, "local", "invoke", function.logical_id]
    command += ["--template", BUILT.with_name("sam-local.yaml"), "--config-env", "local"]
    command += ["--event", event_file, "--env-vars", env_file]
    command += ["--parameter-overrides", " ".join([runtime, *urls]), *arguments]
    account = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "SAM_CLI_TELEMETRY": "0",
    }
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **account}, check=False).returncode


def _host_seen_by_containers() -> str:
    """Return the address at which a container sees this machine."""
    command = ["docker", "network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LocalError("sam local needs Docker, and it does not answer. Start it.") from error
    [network, *_] = json.loads(answer.stdout)
    gateway = network.get("Gateway") or str(ip_network(network["Subnet"])[1])
    with closing(socket.socket()) as probe:
        try:
            probe.bind((gateway, 0))
        except OSError:
            return DESKTOP_HOST  # the bridge is inside Docker Desktop's machine
    return gateway


def _loopback_port(url: str) -> int | None:
    parts = urlsplit(url)
    return parts.port if parts.hostname in (LOOPBACK, "localhost") else None


def _moved(url: str, host: str) -> str:
    """Return the URL as a container must write it, other values as they are."""
    parts = urlsplit(url)
    if _loopback_port(url) is None:
        return url
    login, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}{host}:{parts.port}").geturl()


@contextmanager
def _forward(host: str, port: int) -> Iterator[None]:
    """Forward host:port to the same port on loopback."""
    try:
        server = _Forward((host, port), _Pipe)
    except OSError:
        yield  # a server listens there itself
        return
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


class _Forward(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Pipe(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        port = self.server.server_address[1]  # type: ignore[index]
        with socket.create_connection((LOOPBACK, port)) as there:
            answers = threading.Thread(target=_pump, args=(there, self.request), daemon=True)
            answers.start()
            _pump(self.request, there)
            answers.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two hung up


def _write(name: str, text: str) -> Path:
    file = LOCAL / "sam-local" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # it holds a token, or the database's password
    file.write_text(text, encoding="utf-8")
    return file


def main(arguments: list[str]) -> int:
    """Run the function named first; say in one line what is wrong."""
    try:
        return invoke(arguments[0] if arguments else "", arguments[1:])
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
