"""Audit: known vulnerabilities of our packages, their bills of materials, template security.

    python -m infra.audit        what `make audit` runs

Fails where a vulnerability is known, and also where nobody could be asked about any: to have found
nothing is not to have looked.
"""

import json
import subprocess
import sys
from pathlib import Path

from infra import security
from infra.template import ROOT

BIN = ROOT / ".venv-audit" / "bin"
SBOMS = ROOT / ".local" / "sbom"
LOCKS = {  # what is deployed, and what develops and tests it
    "functions": "layers/dependencies/requirements.txt",
    "migrations": "layers/migrations/requirements.txt",
    "development": "requirements.lock",
}
TIMEOUT_SECONDS = 15


def vulnerabilities(lock: Path) -> tuple[bool, str]:
    """Ask pip-audit's service about each pinned package: whether all is well, and what is not."""
    command: list[str | Path] = [
        BIN / "pip-audit",
        "--requirement",
        lock,
        "--no-deps",
        "--disable-pip",
    ]
    command += ["--progress-spinner", "off", "--format", "json", "--timeout", str(TIMEOUT_SECONDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return False, f"NOT CHECKED: the vulnerability service does not answer ({reason[:120]})"
    if skipped := [each for each in packages if "skip_reason" in each]:
        skipped_text = f"{len(skipped)} of {len(packages)} packages ({skipped[0]['skip_reason']})"
        return False, f"NOT CHECKED: the vulnerability service says nothing of {skipped_text}"
    known = [
        f"{each['name']} {each['version']}: {flaw['id']}, fixed in {flaw['fix_versions']}"
        for each in packages
        for flaw in each.get("vulns", [])
    ]
    report = "\n  ".join(known) or f"nothing is known against {len(packages)} packages"
    return not known, report


def write_sbom(name: str, lock: Path) -> str:
    """Write the bill of materials of a lock file as CycloneDX; say where, and of how many."""
    SBOMS.mkdir(parents=True, exist_ok=True)
    file = SBOMS / f"{name}.cdx.json"
    command: list[str | Path] = [BIN / "cyclonedx-py", "requirements", lock]
    subprocess.run(
        [*command, "--output-reproducible", "--output-format", "JSON", "--outfile", file],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    components = json.loads(file.read_text(encoding="utf-8"))["components"]
    return f"{file.relative_to(ROOT)}, {len(components)} components"


def main() -> int:
    """Look at everything; 1 where something is wrong, or could not be looked at."""
    is_well = True
    for name, path in LOCKS.items():
        print(f"SBOM of {path}: {write_sbom(name, ROOT / path)}")
        is_sound, report = vulnerabilities(ROOT / path)
        print(f"pip-audit of {path}: {report}")
        is_well = is_well and is_sound
    return 0 if security.main() == 0 and is_well else 1


if __name__ == "__main__":
    sys.exit(main())
