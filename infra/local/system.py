"""The whole local system: servers, emulator, stack; for `make up` and the end-to-end tests."""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path

from infra.local.api import Api
from infra.local.beacon import relay_urls, start_beacon
from infra.local.delivery import delivery_secret, start_delivery
from infra.local.deployment import API_ID, REGION, STAGE, Deployment, python_runtime
from infra.local.emulator import discard_scratch, discard_state, start_emulator
from infra.local.env_file import write_env
from infra.local.errors import LocalError
from infra.local.gateway import gateway_secret, start_gateway
from infra.local.live import BrokenCode, LiveCode
from infra.local.live.tree import scan
from infra.local.mail import start_mail
from infra.local.ports import Ports
from infra.local.postgres import start_postgres
from infra.local.process import Server
from infra.local.progress import Stages
from infra.local.token import admin_token
from infra.local.valkey import start_valkey
from infra.template import ROOT

SHIPPING_RETRY_BASE_SECONDS = 2
# One request per function that an order's way meets; none of them has an effect.
FIRST_REQUESTS = (
    ("GET", "/health"),
    ("GET", "/brands?limit=1"),
    ("GET", "/products?limit=1"),
    ("GET", "/products/none"),
    ("POST", "/users"),
    ("POST", "/sessions"),
    ("POST", "/users/me/points/charges"),
    ("GET", "/users/me/points"),
    ("POST", "/orders"),
    ("GET", "/orders/none"),
    ("POST", "/payments"),
    ("POST", "/payments/callbacks"),
)
# How an emulator serves an API; the function fills in which one.
CALLBACK_PATH = "/_aws/execute-api/{apiId}/{stage}/payments/callbacks"
CONSOLE_PATH = f"/_aws/execute-api/{API_ID}/{STAGE}/console"
# The AWS CLI and SDKs reach the emulator with it, and no account of the reader's.
ACCOUNT = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
}
TITLES = {
    "postgres": "PostgreSQL",
    "valkey": "Valkey",
    "delivery": "Delivery system",
    "gateway": "Payment gateway",
    "beacon": "Randomness beacon",
    "emulator": "AWS emulator",
    "mail": "Inbox",
}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of a running system, by their names in .local/env."""

    api_url: str
    database_url: str
    valkey_url: str
    aws_endpoint_url: str
    delivery_url: str
    gateway_url: str
    beacon_url: str
    mail_url: str
    admin_token: str

    def as_variables(self) -> dict[str, str]:
        """Return the addresses as environment variables, with an account for the emulator."""
        addresses = {item.name.upper(): getattr(self, item.name) for item in fields(self)}
        return {**addresses, **ACCOUNT}

    def write(self, file: Path) -> None:
        """Write a file that a shell can source; a reader sees all of it or none."""
        write_env(file, self.as_variables())


@dataclass(slots=True)
class LocalSystem:
    """All servers and the deployed stack, living in one directory.

    with LocalSystem(directory, ports) as system:
        endpoints = system.start()
    """

    directory: Path
    ports: Ports
    stages: Stages = field(default_factory=Stages.silent)
    servers: dict[str, Server] = field(default_factory=dict)
    live: LiveCode = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "LocalSystem":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Endpoints:
        """Start what is not running, deploy what changed, and return where everything is.

        Raises LocalError; what was started until then ends with stop().
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.start_server("postgres", start_postgres)
        self.start_server("valkey", start_valkey)
        self.start_server("delivery", start_delivery)
        self.start_server("gateway", start_gateway)
        self.start_server("beacon", start_beacon)
        emulator = self.start_server("emulator", start_emulator)
        self.start_server("mail", partial(start_mail, emulator_url=emulator.url))
        deployment = self._deployment()
        self.live = LiveCode(deployment)
        self._deploy(deployment)
        self._warm_up(Api(deployment.api_url()))
        self._ensure_schema(deployment)
        token_secret = deployment.outputs()["TokenSecretArn"]
        return Endpoints(
            api_url=deployment.api_url(),
            database_url=self.servers["postgres"].url,
            valkey_url=self.servers["valkey"].url,
            aws_endpoint_url=deployment.endpoint,
            delivery_url=self.servers["delivery"].url,
            gateway_url=self.servers["gateway"].url,
            beacon_url=self.servers["beacon"].url,
            mail_url=self.servers["mail"].url,
            admin_token=admin_token(deployment.client("secretsmanager"), token_secret),
        )

    def start_server(self, name: str, start: Callable[[Path, int], Server]) -> Server:
        """Start one server on its port; also after it was stopped or killed."""
        with self.stages.stage(TITLES[name]) as outcome:
            server = start(self.directory, getattr(self.ports, name))
            self.servers[name] = server
            self._stack.callback(server.stop)
            outcome.is_now(server.url.rpartition("@")[2])
        return server

    def require_running(self) -> None:
        """Raise ServerFailed where a server ended by itself."""
        for server in self.servers.values():
            server.require_running()

    def stop(self) -> None:
        """End every server, the newest first: the functions before what they rely on."""
        self._stack.close()
        discard_scratch(self.directory)

    def _deployment(self) -> Deployment:
        parameters = {
            "PythonRuntime": python_runtime(),
            "DatabaseUrl": self.servers["postgres"].url,
            "ValkeyUrl": self.servers["valkey"].url,
            "DeliveryUrl": self.servers["delivery"].url,
            "DeliverySecret": delivery_secret(self.directory),
            "GatewayUrl": self.servers["gateway"].url,
            "GatewaySecret": gateway_secret(self.directory),
            "BeaconUrls": relay_urls(self.servers["beacon"].url),
            "BeaconChain": "SIMULATED",
            "GatewayCallbackUrl": f"{self.servers['emulator'].url}{CALLBACK_PATH}",
            "ConsoleUrl": f"{self.servers['emulator'].url}{CONSOLE_PATH}",
            "ShippingRetryBaseSeconds": str(SHIPPING_RETRY_BASE_SECONDS),
        }
        return Deployment(self.directory, self.servers["emulator"].url, parameters)

    def _deploy(self, deployment: Deployment) -> None:
        fingerprint, structure = deployment.fingerprint(), deployment.structure()
        if self.live.is_known and deployment.is_current(fingerprint):
            self._reload()
            return
        if deployment.stack_status() is not None:
            self._empty_the_emulator()
        with self.stages.stage("sam build"):
            files = scan(ROOT)
            deployment.build()
        with self.stages.stage("sam deploy") as outcome:
            deployment.deploy(fingerprint)
            self.live.note_deployed(files, structure)
            outcome.is_now(f"stack {deployment.stack_status()}")

    def _reload(self) -> None:
        """Bring what was saved since the last end to the stack as it was deployed."""
        try:
            with self.stages.stage("Deploy") as outcome:
                reloaded = self.live.reload()
                outcome.is_now(f"reloaded {reloaded}" if reloaded else "nothing changed")
        except BrokenCode as error:
            self.stages.say(f"✗ {error}\n  The code before serves.", style="red")

    def _empty_the_emulator(self) -> None:
        """Start the emulator afresh: it fails to update nested stacks that it was restarted with.

        The database stays. What waited in queues goes, as with a new environment on AWS.
        """
        self.stages.say("  The stack is not as it was deployed: the emulator starts afresh.")
        self.servers["emulator"].kill()
        discard_state(self.directory, self.ports.emulator)
        self.start_server("emulator", start_emulator)

    def _warm_up(self, api: Api) -> None:
        with self.stages.stage("Functions") as outcome:
            outcome.is_now(f"{warm_up(api)} are warm")

    def _ensure_schema(self, deployment: Deployment) -> None:
        """Ask the API for its health; migrate where the database is behind the code.

        The deploy itself migrates. What is left is a database that was emptied since.
        """
        with self.stages.stage("Health") as outcome:
            api = Api(deployment.api_url())
            status, health = api.request("GET", "/health")
            if status == 503:
                deployment.invoke(deployment.outputs()["MigrateFunctionName"], {})
                status, health = api.request("GET", "/health")
            if status != 200:
                raise LocalError(f"GET /health answered {status}: {health}")
            outcome.is_now(f"version {health['version']}, schema {health['schema_revision']}")


def warm_up(api: Api) -> int:
    """Let functions start side by side, not one after the other when first called; say how many.

    The gateway waits 10 s for the answer to its callback: a machine may need as long to start one.
    One that does not start in time is no reason to stop: it starts when it is called.
    """

    def answers(request: tuple[str, str]) -> bool:
        try:
            api.request(*request)
        except LocalError:
            return False
        return True

    with ThreadPoolExecutor() as pool:
        return sum(pool.map(answers, FIRST_REQUESTS))


def ignore_signals() -> None:
    """Let nothing interrupt the tidying up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
