"""Node.js, where a machine has it: the packages that a package-lock.json pins, below .local/."""

import shutil
import subprocess
from pathlib import Path


def version() -> tuple[int, ...] | None:
    """Return the version of the node that is on the PATH; None where it or npm is missing."""
    if not all(shutil.which(program) for program in ("node", "npm")):
        return None
    done = subprocess.run(["node", "--version"], check=False, capture_output=True, text=True)
    numbers = done.stdout.strip().removeprefix("v").split(".")
    return tuple(int(number) for number in numbers) if done.returncode == 0 else None


def install(source: Path, target: Path) -> bool:
    """Install what the lock file in `source` pins into `target`, unless it is what is there.

    The packages' own scripts do not run. Returns whether they are installed; npm says why not.
    """
    target.mkdir(parents=True, exist_ok=True)
    installed = target / "installed.json"  # written last: the lock file that npm has carried out
    lock = (source / "package-lock.json").read_bytes()
    if installed.exists() and installed.read_bytes() == lock:
        return True
    print(f"Installing the packages of {source.name}/package-lock.json …", flush=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, target)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=target, check=False, stdout=subprocess.DEVNULL)
    if done.returncode == 0:
        installed.write_bytes(lock)
    return done.returncode == 0
