"""The AWS emulator: API Gateway, Lambda, SQS, EventBridge and the rest, on loopback."""

import os
import shutil
from pathlib import Path

import urllib3

from infra.local.errors import LocalError
from infra.local.ports import LOOPBACK, container_hosts, require_free
from infra.local.process import Server, start_server

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-emulator" / "bin" / "python"
PROGRAM = Path(__file__).with_name("run_emulator.py")
READY_TIMEOUT_SECONDS = 60


def start_emulator(directory: Path, port: int) -> Server:
    """Start the emulator; what is deployed to it is kept in directory/emulator.

    It saves its state when it is asked to end, not when it is killed. The state belongs to its
    port, since addresses in it (queue URLs) name the port.
    """
    require_free("emulator", port)
    if not PYTHON.exists():
        raise LocalError(f"{PYTHON} is missing: run make .venv-emulator/.installed")
    discard_scratch(directory)  # of an emulator that was killed
    scratch, home = _scratch(directory), directory / "emulator"
    for folder in (scratch, home):
        folder.mkdir(parents=True, exist_ok=True)
    server = start_server(
        "emulator",
        [PYTHON, "-P", PROGRAM, home / "layers", live_file(directory, port), *container_hosts()],
        url=f"http://{LOOPBACK}:{port}",
        directory=directory,
        environment=_environment(port, home, scratch),
    )
    server.wait_until(lambda: _answers(server.url), READY_TIMEOUT_SECONDS)
    return server


def discard_state(directory: Path, port: int) -> None:
    """Forget what was deployed to a stopped emulator."""
    live_file(directory, port).unlink(missing_ok=True)
    shutil.rmtree(_state(directory / "emulator", port), ignore_errors=True)


def live_file(directory: Path, port: int) -> Path:
    """Return the file that names the folders to run in place of what was deployed."""
    return directory / "emulator" / f"live-{port}.json"


def discard_scratch(directory: Path) -> None:
    """Remove the functions that a stopped emulator unpacked."""
    shutil.rmtree(_scratch(directory), ignore_errors=True)


def _scratch(directory: Path) -> Path:
    return directory / "tmp"


def _state(home: Path, port: int) -> Path:
    return home / f"state-{port}"


def _environment(port: int, home: Path, scratch: Path) -> dict[str, str]:
    """Return all that the emulator sees: its functions inherit it, so nothing of ours leaks."""
    passed_on = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TZ") if name in os.environ}
    return {
        **passed_on,
        "PATH": os.defpath,
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "LC_ALL": "C.UTF-8",
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": LOOPBACK,
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",  # it would tidy up containers of other projects
        "SFN_WAIT_SCALE": "0.1",  # a state machine's pauses between tries, of those on AWS
        "PERSIST_STATE": "1",
        "STATE_DIR": str(_state(home, port)),
    }


def _answers(url: str) -> bool:
    try:
        with urllib3.PoolManager(timeout=2, retries=False) as http:
            return http.request("GET", f"{url}/_ministack/ready").status == 200
    except urllib3.exceptions.HTTPError:
        return False
