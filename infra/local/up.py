"""Start the local system, show one order on its way, and reload code that is saved until the end.

python -m infra.local.up          what `make up` runs
"""

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.local.api import Api
from infra.local.catalogue import seed_catalogue
from infra.local.demo import place_demo_orders
from infra.local.down import end_servers
from infra.local.env_file import read_env
from infra.local.errors import LocalError
from infra.local.functions import physical_name
from infra.local.live.watch import watch_and_reload
from infra.local.ports import Ports
from infra.local.process import ProcessRecord
from infra.local.progress import Stages
from infra.local.samples import client
from infra.local.system import Endpoints, LocalSystem, ignore_signals

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / ".local"
RECONCILIATION = "EveryFiveMinutesReconcileFunction"
EVERY_FIVE_MINUTES = json.dumps({"id": "make-up"})
ADDRESSES = (
    "DATABASE_URL", "VALKEY_URL", "AWS_ENDPOINT_URL", "DELIVERY_URL", "GATEWAY_URL", "MAIL_URL",
)  # fmt: skip


class AlreadyRunning(LocalError):
    """Another process runs the local system in this directory."""


def main() -> None:
    """Run until Ctrl-C, SIGTERM, SIGHUP or `make down`; the exit code is 1 on a failure."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup has a say
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    stages = Stages()
    try:
        with only_one(DIRECTORY):
            run(DIRECTORY, os.environ, stages)
    except AlreadyRunning:
        show_running(DIRECTORY, stages)
    except KeyboardInterrupt:
        stages.say("Ended.")
    except LocalError as error:
        stages.say(f"✗ {error}", style="red")
        sys.exit(1)


def run(directory: Path, environment: Mapping[str, str], stages: Stages) -> None:
    """Start everything, place the demo order, and reload what is saved until interrupted."""
    started = time.monotonic()
    end_servers(directory)
    ports_file = directory / "ports.json"
    system = LocalSystem(directory, Ports.from_environment(environment, ports_file), stages)
    env_file = directory / "env"
    try:
        endpoints = system.start()
        endpoints.write(env_file)
        system.ports.remember(ports_file)
        with stages.stage("Demo catalogue") as outcome:
            added = seed_catalogue(Api(endpoints.api_url, endpoints.admin_token))
            outcome.is_now(f"{added} products added" if added else "is there already")
        is_followed = _show_demo_order(endpoints, stages)
        check_books(endpoints.as_variables(), stages)
        stages.say()
        stages.say(
            f"Lastunit is up after {time.monotonic() - started:.0f} s: {endpoints.api_url}", "bold"
        )
        if not is_followed:
            stages.say("But the demo order failed; see above, and make ops ARGS=logs.", style="red")
        stages.say(TRY)
        watch_and_reload(system, stages)
    finally:
        ignore_signals()
        stages.say("Ending the servers …")
        env_file.unlink(missing_ok=True)
        system.stop()


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the directory for this process. Raises AlreadyRunning where another one has it."""
    record_file = directory / "run" / "up.json"
    record_file.parent.mkdir(parents=True, exist_ok=True)
    with (directory / "run" / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning from error
        ProcessRecord.of("up", os.getpid(), signal.SIGTERM, directory).write(record_file)
        try:
            yield
        finally:
            record_file.unlink(missing_ok=True)


def show_running(directory: Path, stages: Stages) -> None:
    """Say where the system that runs in the directory is, how it is, and what can be tried."""
    record = ProcessRecord.read(directory / "run" / "up.json")
    running = read_env(directory / "env")
    of_process = f" (process {record.pid})" if record else ""
    if "API_URL" not in running:
        stages.say(f"Lastunit is starting already{of_process}. make down ends it.")
        return
    stages.say(f"Lastunit is up already{of_process}: {running['API_URL']}", "bold")
    status, health = Api(running["API_URL"]).request("GET", "/health")
    schema = health.get("schema_revision", "unknown")
    stages.say(f"GET /health answers {status}, schema {schema}. What is saved is live.")
    for name in ADDRESSES:
        stages.say(f"    {name:<16} {running.get(name, '').rpartition('@')[2]}")
    stages.say(TRY)


def _show_demo_order(endpoints: Endpoints, stages: Stages) -> bool:
    """Follow an order; return False after a failure, which leaves the system up to be looked at."""
    stages.say()
    try:
        place_demo_orders(endpoints.api_url, endpoints.delivery_url, endpoints.gateway_url, stages)
    except LocalError as error:
        stages.say(f"✗ {error}", style="red")
        return False
    return True


def check_books(running: Mapping[str, str], stages: Stages) -> None:
    """Run the reconciliation once, so that the console need not wait for its schedule."""
    with stages.stage("Books") as outcome:
        name = physical_name(RECONCILIATION, running)
        answer = client("lambda", running).invoke(FunctionName=name, Payload=EVERY_FIVE_MINUTES)
        done = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            outcome.is_now(f"could not be checked: {done}")
        else:
            found = len(done["findings"])
            outcome.is_now(f"{found} findings: make ops ARGS=reconcile" if found else "held")


TRY = r"""
Try, in another shell:
    source .local/env
    curl -s $API_URL/products | python3 -m json.tool
    curl -s $API_URL/admin/brands -H "Authorization: Bearer $ADMIN_TOKEN" \
         -H "Content-Type: application/json" -d '{"name": "Mine", "description": "New"}'
    echo $API_URL/console   # what is wrong now; "Use a token instead": echo $ADMIN_TOKEN
    curl -s $API_URL/drops | python3 -m json.tool   # one can be entered for ten minutes
    make drop-demo                                  # or watch a whole one
    curl -s $DELIVERY_URL/notices
    echo $MAIL_URL          # the inbox: what the shop mailed; as JSON: curl -s $MAIL_URL/messages
    curl -s -X PUT $DELIVERY_URL/behaviour -d '{"mode": "fail", "times": 2}'
    curl -s $GATEWAY_URL/transactions
    curl -s -X PUT $GATEWAY_URL/behaviour -d '{"mode": "healthy"}'
Code that is saved is live seconds later. Logs are in .local/log. make down ends everything."""


if __name__ == "__main__":
    main()
