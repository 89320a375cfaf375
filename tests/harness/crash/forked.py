"""Work done in a fork of a process that has imported everything."""

import os
import pickle
import select
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ForkResult:
    """Exit status of a forked process, what it reported, and what its work returned."""

    signal: int | None
    reported: tuple[str, ...]
    result: Any = None
    error: str | None = None

    @property
    def is_killed(self) -> bool:
        """Return whether the process was killed (SIGKILL)."""
        return self.signal == signal.SIGKILL

    def require(self) -> Any:
        """Return the work's result. Raises RuntimeError where it was not completed."""
        if self.error is not None or self.signal is not None:
            raise RuntimeError(self.error or f"ended by signal {self.signal}")
        return self.result


def run_in_fork(work: Callable[[Report], Any], *, within_seconds: float = 60) -> ForkResult:
    """Do the work in a fork and wait until it has ended.

    Raises TimeoutError where it takes longer; the process is ended then. Call it from a process
    without threads and connections of its own: the fork has what it has.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _run_work(work, writer)
    os.close(writer)
    try:
        content = _read(reader, time.monotonic() + within_seconds)
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(reader)
    _, status = os.waitpid(pid, 0)
    reported, result, error = _parse(content)
    return ForkResult(
        os.WTERMSIG(status) if os.WIFSIGNALED(status) else None, reported, result, error
    )


def _run_work(work: Callable[[Report], Any], writer: int) -> None:
    """Never returns, so that the fork does not go on with the parent's code."""
    try:
        result = work(lambda text: _write(writer, "reported", text))
        _write(writer, "result", result)
    except BaseException:  # noqa: BLE001  (the parent reports it)
        _write(writer, "error", traceback.format_exc())
    finally:
        os._exit(0)


def _write(writer: int, name: str, value: Any) -> None:
    content = pickle.dumps((name, value))
    while content:
        content = content[os.write(writer, content) :]


def _read(reader: int, deadline: float) -> bytes:
    content = b""
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError("the process did not come to its end")
        part = os.read(reader, 1 << 16)
        if not part:
            return content
        content += part


def _parse(content: bytes) -> tuple[tuple[str, ...], Any, str | None]:
    import io

    stream, reported, result, error = io.BytesIO(content), list[str](), None, None
    while stream.tell() < len(content):
        name, value = pickle.load(stream)  # noqa: S301  (our own fork wrote it)
        if name == "reported":
            reported.append(value)
        elif name == "result":
            result = value
        else:
            error = value
    return tuple(reported), result, error
