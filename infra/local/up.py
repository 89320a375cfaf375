"""Start the local system, show one order on its way, and stay until asked to end.

python -m infra.local.up          what `make up` runs
"""

import fcntl
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
from infra.local.ports import Ports
from infra.local.process import ProcessRecord
from infra.local.progress import Stages
from infra.local.system import Endpoints, LocalSystem, ignore_signals

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / ".local"
WATCH_SECONDS = 1


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
    except AlreadyRunning as running:
        stages.say(str(running))
    except KeyboardInterrupt:
        stages.say("Ended.")
    except LocalError as error:
        stages.say(f"✗ {error}", style="red")
        sys.exit(1)


def run(directory: Path, environment: Mapping[str, str], stages: Stages) -> None:
    """Start everything, place the demo order, and watch the servers until interrupted."""
    started = time.monotonic()
    end_servers(directory)
    system = LocalSystem(directory, Ports.from_environment(environment), stages)
    env_file = directory / "env"
    try:
        endpoints = system.start()
        endpoints.write(env_file)
        with stages.stage("Demo catalogue") as outcome:
            added = seed_catalogue(Api(endpoints.api_url, endpoints.admin_token))
            outcome.is_now(f"{added} products added" if added else "is there already")
        _show_demo_order(endpoints, stages)
        _welcome(endpoints, time.monotonic() - started, stages)
        while True:
            time.sleep(WATCH_SECONDS)
            system.require_running()
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
            raise AlreadyRunning(_where_it_runs(directory, record_file)) from error
        ProcessRecord.of("up", os.getpid(), signal.SIGTERM, directory).write(record_file)
        try:
            yield
        finally:
            record_file.unlink(missing_ok=True)


def _where_it_runs(directory: Path, record_file: Path) -> str:
    record = ProcessRecord.read(record_file)
    env_file = directory / "env"
    url = read_env(env_file).get("API_URL")
    api = f"API_URL={url}" if url else "it is still starting"
    pid = f" (process {record.pid})" if record else ""
    return f"Lastunit is running already{pid}: {api}. make down ends it."


def _show_demo_order(endpoints: Endpoints, stages: Stages) -> None:
    """Follow an order; a failure is told, and leaves the system up to be looked at."""
    stages.say()
    try:
        place_demo_orders(endpoints.api_url, endpoints.delivery_url, endpoints.gateway_url, stages)
    except LocalError as error:
        stages.say(f"✗ {error}", style="red")


def _welcome(endpoints: Endpoints, seconds: float, stages: Stages) -> None:
    stages.say()
    stages.say(f"Lastunit is up after {seconds:.0f} s: {endpoints.api_url}", style="bold")
    stages.say(r"""
Try, in another shell:
    source .local/env
    curl -s $API_URL/products | python3 -m json.tool
    curl -s $API_URL/admin/brands -H "Authorization: Bearer $ADMIN_TOKEN" \
         -H "Content-Type: application/json" -d '{"name": "Mine", "description": "New"}'
    echo $API_URL/console   # what is wrong now; "Use a token instead": echo $ADMIN_TOKEN
    curl -s $DELIVERY_URL/notices
    curl -s -X PUT $DELIVERY_URL/behaviour -d '{"mode": "fail", "times": 2}'
    curl -s $GATEWAY_URL/transactions
    curl -s -X PUT $GATEWAY_URL/behaviour -d '{"mode": "healthy"}'
Logs are in .local/log. Ctrl-C here, or make down, ends everything.""")


if __name__ == "__main__":
    main()
