"""Servers that stay up between test runs, so that a run begins at once.

    python -m tests.support.kept_servers [.local]        what `make test-servers` runs

One run at a time has them, with a database, a cache and queues in which nothing is. A run that
finds them in use, or started from other files than there are now, starts servers of its own.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import redis
import urllib3

from infra.local.down import TEST_SERVERS, end_test_servers
from infra.local.errors import log_tail
from infra.local.process import ProcessRecord
from tests.support import backends
from tests.support.backends import MIGRATED, ROOT

LOCAL = ROOT / ".local"
START_SECONDS = 120
POLL_SECONDS = 0.1
MADE_FROM = (
    "infra/local/*.py", "infra/migrations/**/*.py", "requirements.lock",
    "tests/support/backends.py", "tests/support/kept_servers.py", "tests/support/moto_server.py",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """The files of the servers that are kept for one checkout."""

    local: Path = LOCAL

    @property
    def record(self) -> Path:
        """The process that keeps the servers; `make down` reads it too."""
        return self.local / "run" / f"{TEST_SERVERS}.json"

    @property
    def servers(self) -> Path:
        """The servers' data and logs."""
        return self.local / TEST_SERVERS

    @property
    def state(self) -> Path:
        """The servers' addresses, there once all have started."""
        return self.servers / "state.json"

    @property
    def lock(self) -> Path:
        """Held by the run that uses the servers."""
        return self.local / "run" / f"{TEST_SERVERS}.lock"


@dataclass(frozen=True, slots=True)
class KeptServers:
    """The kept servers in the hands of one run, and the variables that lead to them."""

    environment: dict[str, str]
    _lock: IO[str]

    def stop(self) -> None:
        """Let the next run have the servers; remove the databases of this one."""
        _drop_databases(self.environment["SUPERUSER_URL"])
        self._lock.close()


def take(place: Place = Place()) -> KeptServers | None:
    """Return the kept servers, empty; None where none can be had."""
    state = _running(place)
    if state is None:
        return None
    lock = place.lock.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return KeptServers(_emptied(state), lock)


def _running(place: Place) -> dict[str, str] | None:
    """Return the addresses of the servers if they run and are made from the files of now."""
    record = ProcessRecord.read(place.record)
    if record is None or record.process() is None or not place.state.exists():
        return None
    state = json.loads(place.state.read_text(encoding="utf-8"))
    environment: dict[str, str] = state["environment"]
    return environment if state["made_from"] == made_from() else None


def _emptied(environment: dict[str, str]) -> dict[str, str]:
    """Remove what an earlier run left; returns the variables that lead to a new database."""
    superuser = environment["SUPERUSER_URL"]
    _drop_databases(superuser)
    name = f"run_{secrets.token_hex(8)}"
    backends.run(superuser, f"CREATE DATABASE {name} TEMPLATE {MIGRATED} OWNER lastunit")
    with redis.Redis.from_url(environment["VALKEY_URL"]) as valkey:
        valkey.flushall()
    moto = environment["AWS_ENDPOINT_URL"]
    urllib3.request("POST", f"{moto}/moto-api/reset", timeout=30)
    return {
        **environment,
        "DATABASE_URL": f"{environment['DATABASE_URL'].rpartition('/')[0]}/{name}",
        **backends.make_resources(moto),
    }


def _drop_databases(superuser: str) -> None:
    """Drop every database that a run has made."""
    names = backends.run(superuser, "SELECT datname FROM pg_database WHERE datname ~ '^(own|run)_'")
    for [name] in names:
        backends.run(superuser, f"DROP DATABASE {name} WITH (FORCE)")


def made_from() -> str:
    """Return a digest of the files that decide what the servers are and hold."""
    digest = hashlib.sha256()
    for path in sorted({path for each in MADE_FROM for path in ROOT.glob(each)}):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main(place: Place = Place()) -> int:
    """Start the servers where they do not run, and leave them running."""
    if _running(place) is None:
        end_test_servers(place.local)  # made from other files
        place.servers.mkdir(parents=True, exist_ok=True)
        log = place.local / "log" / f"{TEST_SERVERS}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as output:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "tests.support.kept_servers", "--keep", place.local],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        if not _is_up(place, keeper):
            print(f"The servers did not start; {log} ends with:\n{log_tail(log)}")  # noqa: T201
            return 1
    address = urlsplit((_running(place) or {})["SUPERUSER_URL"])
    print(f"The tests' servers run (PostgreSQL: port {address.port}). make down ends them.")  # noqa: T201
    return 0


def _is_up(place: Place, keeper: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and keeper.poll() is None:
        if _running(place) is not None:
            return True
        time.sleep(POLL_SECONDS)
    return False


def keep(place: Place) -> None:
    """Start the servers and stay until SIGTERM; the kernel ends them with this process."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shutil.rmtree(place.servers, ignore_errors=True)
    place.servers.mkdir(parents=True)
    ProcessRecord.of(TEST_SERVERS, os.getpid(), signal.SIGTERM, place.servers).write(place.record)
    digest = made_from()
    try:
        servers = backends.start_test_servers(place.servers)
        try:
            draft = place.state.with_suffix(".draft")
            draft.write_text(json.dumps({"made_from": digest, "environment": servers.environment}))
            draft.replace(place.state)
            signal.pause()
        finally:
            servers.stop()
    except KeyboardInterrupt:
        return
    finally:
        place.record.unlink(missing_ok=True)


if __name__ == "__main__":
    chosen = Place(Path(sys.argv[-1])) if len(sys.argv) > 1 else Place()
    if "--keep" in sys.argv:
        keep(chosen)
    else:
        sys.exit(main(chosen))
