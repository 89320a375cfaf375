"""Start, watch and end one server as a process group of its own.

Three nets keep a machine clean: `stop()` ends the whole group; the kernel signals the server
when the process that started it dies (Linux); and a record on disk, checked by the process's
start time, lets `make down` end what a killed `make up` left.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from infra.local.errors import ServerFailed

POLL_SECONDS = 0.05
STOP_GRACE_SECONDS = 60  # on a busy machine the emulator needs as long to save what is deployed


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """The process of a file in the run directory; a pid alone may have been reused."""

    name: str
    pid: int
    started_at: float  # seconds since the epoch, as the operating system tells
    stop_signal: int
    directory: str

    @classmethod
    def of(cls, name: str, pid: int, stop_signal: int, directory: Path) -> "ProcessRecord":
        """Describe a process that runs now."""
        started_at = psutil.Process(pid).create_time()
        return cls(name, pid, started_at, stop_signal, str(directory))

    @classmethod
    def read(cls, file: Path) -> "ProcessRecord | None":
        """Read a record; None where it is gone or unreadable (a half-written one)."""
        try:
            return cls(**json.loads(file.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, file: Path) -> None:
        """Write the record so that a reader sees all of it or none."""
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(file)

    def process(self) -> psutil.Process | None:
        """Return the very process that was recorded, or None once it has ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_at) < 1.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def end(self, grace_seconds: float) -> bool:
        """End the recorded process and its group; False where there was nothing to end."""
        process = self.process()
        orphans = self._orphans()
        if process is not None:
            process.send_signal(self.stop_signal)
            _, alive = psutil.wait_procs([process], timeout=grace_seconds)
            for survivor in alive:
                survivor.kill()
        for orphan in orphans:
            if orphan.is_running():
                orphan.kill()
        return process is not None or bool(orphans)

    def _orphans(self) -> list[psutil.Process]:
        """Find what the process started in its group: theirs is our directory on the command."""
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if process.pid != self.pid
            and _session_of(process.pid) == self.pid
            and self.directory in " ".join(process.info["cmdline"] or ())
        ]


@dataclass(slots=True)
class Server:
    """One running server: where to reach it, and how to end it."""

    name: str
    url: str
    log: Path
    _process: subprocess.Popen[bytes]
    _stop_signal: signal.Signals
    _record_file: Path
    _is_ended: bool = False

    @property
    def pid(self) -> int:
        """The server's process id, which is also its process group's."""
        return self._process.pid

    def is_running(self) -> bool:
        """Tell whether the server's process lives."""
        return self._process.poll() is None

    def require_running(self) -> None:
        """Raise ServerFailed where the server ended by itself."""
        if not self.is_running():
            raise ServerFailed(self.name, f"ended with code {self._process.returncode}", self.log)

    def wait_until(self, ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Return once the server is ready; end it and raise ServerFailed where it is not in time.

        A server that answers on the port while this one's process is dead is somebody else's.
        """
        deadline = time.monotonic() + timeout_seconds
        try:
            while not ready():
                self.require_running()
                self._require_before(deadline, timeout_seconds)
                time.sleep(POLL_SECONDS)
            self.require_running()
        except BaseException:
            self.stop()
            raise

    def _require_before(self, deadline: float, timeout_seconds: float) -> None:
        if time.monotonic() > deadline:
            raise ServerFailed(self.name, f"was not ready in {timeout_seconds:.0f} s", self.log)

    def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """End the server and everything in its group; safe to call twice."""
        if self.is_running():
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._finish()

    def kill(self) -> None:
        """End the server without giving it a chance to tidy up, as a crash would."""
        self._process.kill()
        self._finish()

    def _finish(self) -> None:
        if self._is_ended:
            return  # by now the group's number may be somebody else's
        self._is_ended = True
        self._process.wait()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._record_file.unlink(missing_ok=True)


def start_server(
    name: str,
    command: Sequence[str | Path],
    *,
    url: str,
    directory: Path,
    environment: Mapping[str, str],
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Server:
    """Start a server with its log in directory/log and its record in directory/run.

    Call it from the main thread: the kernel takes the end of the starting thread for the
    parent's.
    """
    log = directory / "log" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*ending_with_parent(stop_signal), *(str(part) for part in command)],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    record_file = directory / "run" / f"{name}.json"
    ProcessRecord.of(name, process.pid, stop_signal, directory).write(record_file)
    return Server(name, url, log, process, stop_signal, record_file)


def ending_with_parent(stop_signal: signal.Signals, *credentials: str) -> list[str]:
    """Return the words before a command that let the kernel signal it when its parent dies.

    `credentials` are further options of setpriv(1). Where there is no setpriv (macOS), a killed
    parent leaves its servers running, and `make down` ends them.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    return [setpriv, *credentials, "--pdeathsig", stop_signal.name.removeprefix("SIG"), "--"]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None
