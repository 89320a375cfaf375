"""Run `make up` and the unit and integration suites on each Python that is installed.

    python -m infra.pythons             what `make test-pythons` runs
    python -m infra.pythons 3.12 3.13   on these only

Each version has environments of its own in .local/pythons, made from the lock files, and `make up`
runs there on ports and data of its own, in a copy of the tree. Says what does not work, and where
its log is; the exit code is 1 then.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infra.local.ports import Ports, port_variable
from infra.template import ROOT

DIRECTORY = ROOT / ".local" / "pythons"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
ENVIRONMENTS = (".venv/.installed", ".venv-emulator/.installed")
SUITES = ("unit", "integration")
UP_SECONDS = 900
DOWN_SECONDS = 90
POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Python:
    """An installed interpreter, and the copy of the tree that it runs."""

    version: str
    interpreter: str

    @property
    def tree(self) -> Path:
        """The copy, with `.venv` and `.venv-emulator` of this version in it."""
        return DIRECTORY / self.version

    def make(self, *arguments: str, log: str) -> bool:
        """Run make there with its output in a file; return whether it succeeded."""
        return not subprocess.run(
            self.command(*arguments), cwd=self.tree,
            stdout=self.log(log).open("w"), stderr=subprocess.STDOUT, check=False,
        ).returncode  # fmt: skip

    def command(self, *arguments: str) -> list[str]:
        """Return the words that run make with this interpreter."""
        return ["make", "--no-print-directory", f"PYTHON={self.interpreter}", *arguments]

    def log(self, name: str) -> Path:
        """Return where the output of a step is kept."""
        return DIRECTORY / f"{self.version}-{name}.log"


def installed(wanted: Sequence[str]) -> tuple[list[Python], list[str]]:
    """Return the interpreters that are here, and the versions that are not."""
    found = {version: path for version in wanted if (path := _interpreter(version))}
    pythons = [Python(version, path) for version, path in found.items()]
    return pythons, [version for version in wanted if version not in found]


def _interpreter(version: str) -> str | None:
    """Return the path of an interpreter: pyenv's, or one that uv finds (its own, on the PATH)."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    if built := sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}")):
        return str(built[-1])
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "python", "find", "--no-python-downloads"]
    done = subprocess.run(
        [*command, "--no-project", "--system", version],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() or None


def copy_tree(to: Path) -> None:
    """Bring a copy of every file that git knows, or could add, up to date; keep environments."""
    to.mkdir(parents=True, exist_ok=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for name in names:
        target = to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    known = to / ".copied"
    before = set(known.read_text("utf-8").split("\0")) if known.exists() else set()
    for name in before - names - {""}:
        (to / name).unlink(missing_ok=True)
    known.write_text("\0".join(sorted(names)), "utf-8")
    if not (to / ".git").exists():  # tests ask git which files there are
        subprocess.run(["git", "init", "--quiet"], cwd=to, check=True)


def goes_up(python: Python) -> bool:
    """Start everything there until the API's address is known, then end it."""
    ports = Ports.free()
    numbers = {port_variable(name): str(getattr(ports, name)) for name in Ports.__slots__}
    env_file = python.tree / ".local" / "env"
    env_file.unlink(missing_ok=True)
    with python.log("up").open("w") as log:
        process = subprocess.Popen(
            python.command("up"), cwd=python.tree, env={**os.environ, **numbers},
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + UP_SECONDS
    is_up = False
    while not is_up and process.poll() is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        is_up = "Lastunit is up" in python.log("up").read_text("utf-8")
    python.make("down", log="down")
    try:
        process.wait(DOWN_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    return is_up


def try_out(python: Python) -> list[str]:
    """Return what does not work on a Python, each with the file that says why."""
    copy_tree(python.tree)
    steps: dict[str, Callable[[], bool]] = {
        "installing": partial(python.make, *ENVIRONMENTS, log="installing"),
        **{
            suite: partial(python.make, "test", f"PYTEST_ARGS=-q tests/{suite}", log=suite)
            for suite in SUITES
        },
        "up": partial(goes_up, python),
    }
    failed = []
    for name, step in steps.items():
        print(f"  {python.version}: {name} …", end=" ", flush=True)
        started = time.monotonic()
        is_well = step()
        print(f"{'works' if is_well else 'FAILS'} ({time.monotonic() - started:.0f} s)", flush=True)
        if not is_well:
            failed.append(f"{python.version}: {name}; see {python.log(name).relative_to(ROOT)}")
            if name == "installing":
                break
    return failed


def main(arguments: Sequence[str]) -> int:
    """Return 0 where everything works on every Python that is here."""
    pythons, missing = installed(arguments or VERSIONS)
    print("The first time each version's packages are installed: some minutes each.", flush=True)
    failed = [each for python in pythons for each in try_out(python)]
    if missing:
        print(f"Not installed here, and so not tried: {', '.join(missing)}.")
    for each in failed:
        print(f"Does not work: {each}")
    return 1 if failed or not pythons else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
