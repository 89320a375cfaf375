"""The servers that all tests of a run share, started once a collected test needs them.

They are those of `make test-servers` where it has been run.

With xdist the controller starts and stops them: a server ends with the process that started it
(infra/local/process.py), and a worker may end before the others do. As only workers collect, a
worker says in a file that one of its tests needs servers. The controller reads it when that worker
has collected, which is before any test is given out, and leaves the addresses in another file.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

DIRECTORY = "servers_directory"
"""The key of `workerinput` that holds the directory which controller and workers share."""

RUNNING_SERVERS = "RUNNING_SERVERS"
"""The environment variable with the addresses of servers that run already, as JSON.

Of these a run uses an empty database of its own, and the part of the cache that VALKEY_URL names.
"""


class SharedServers:
    """The servers of one process's test run: its own, or those of its xdist controller."""

    def __init__(self, worker_input: dict[str, Any] | None) -> None:
        self._worker_input = worker_input
        self._directory = Path(worker_input[DIRECTORY]) if worker_input else None
        self._environment: dict[str, str] | None = None
        self._started = ExitStack()

    @property
    def directory(self) -> Path:
        """The directory of the servers' data and logs, made when it is first asked for."""
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="lastunit-tests-"))
        return self._directory

    @property
    def _is_needed_file(self) -> Path:
        return self.directory / "needed"

    @property
    def _environment_file(self) -> Path:
        return self.directory / "environment.json"

    def need(self) -> None:
        """Ask the controller for servers; without one they start when they are first used."""
        if self._worker_input:
            self._is_needed_file.touch()

    def start_if_needed(self) -> None:
        """Start the servers, as the controller, where a worker has asked for them."""
        if self._environment is None and self._is_needed_file.exists():
            self._environment_file.write_text(json.dumps(self._start()), encoding="utf-8")

    def use(self) -> None:
        """Set the environment variables that lead to the servers; starts them without xdist."""
        if not self._worker_input:
            os.environ.update(self._start())
            return
        if not self._environment_file.exists():  # asked for by `getfixturevalue` alone
            raise RuntimeError("Mark this test with usefixtures('servers'): workers ask beforehand")
        environment = json.loads(self._environment_file.read_text(encoding="utf-8"))
        # A part of the cache server per worker: nobody else fills or empties it.
        number = 1 + int(self._worker_input["workerid"].removeprefix("gw")) % 15
        environment["VALKEY_URL"] = f"{environment['VALKEY_URL'].rpartition('/')[0]}/{number}"
        os.environ.update(environment)

    def stop(self) -> None:
        """Stop what this process started, and remove its directory."""
        self._started.close()
        if self._directory is not None and not self._worker_input:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _start(self) -> dict[str, str]:
        if self._environment is None:
            self._environment = self._started.enter_context(self._servers())
        return self._environment

    @contextmanager
    def _servers(self) -> Iterator[dict[str, str]]:
        from tests.support import kept_servers  # seconds to import
        from tests.support.backends import own_part_of, start_test_servers

        if running := os.environ.get(RUNNING_SERVERS):
            with own_part_of(json.loads(running)) as environment:
                yield environment
            return
        servers = kept_servers.take() or start_test_servers(self.directory)
        try:
            yield servers.environment
        finally:
            servers.stop()
