"""Make what a release consists of, in .local/release, from the commit that is checked out.

    python -m infra.release v0.1.0

lastunit-0.1.0.zip  what `sam build` made: unpacked, it is what `sam deploy` takes
CHANGES.md          the subjects of the commits since the tag before
sbom-….cdx.json     what is in it, and what it was made with: `make audit` wrote them
SHA256SUMS          of all of these

The tag must be the version that pyproject.toml and template.yaml name, or nothing is made.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

from infra.local.errors import LocalError
from infra.template import ROOT, read_template

RELEASE = ROOT / ".local" / "release"
BUILT = ROOT / ".local" / "release-build"
SBOMS = ROOT / ".local" / "sbom"
SAME_MOMENT = (1980, 1, 1, 0, 0, 0)  # of every file: two builds of a commit are to be equal


def make_release(tag: str) -> list[Path]:
    """Make the release's files. Raises LocalError where they would not say the truth."""
    version = tag.removeprefix("v")
    named = _versions()
    if wrong := [f"{place} says {found}" for place, found in named.items() if found != version]:
        raise LocalError(f"The tag says {version}, but {', '.join(wrong)}: change it, then tag.")
    sboms = sorted(SBOMS.glob("*.cdx.json"))
    if not sboms:
        raise LocalError("Nothing says what is in the packages: make audit writes it.")
    for folder in (RELEASE, BUILT):
        shutil.rmtree(folder, ignore_errors=True)
    RELEASE.mkdir(parents=True)
    _build()
    _pack(RELEASE / f"lastunit-{version}.zip", BUILT)
    (RELEASE / "CHANGES.md").write_text(_changes(tag), encoding="utf-8")
    for sbom in sboms:
        shutil.copy(sbom, RELEASE / f"sbom-{sbom.name}")
    made = sorted(RELEASE.iterdir())
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in made]
    (RELEASE / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    return [*made, RELEASE / "SHA256SUMS"]


def _versions() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parameters = read_template()["Parameters"]
    return {
        "pyproject.toml": project["version"],
        "template.yaml (AppVersion)": parameters["AppVersion"]["Default"],
    }


def _build() -> None:
    sam = Path(sysconfig.get_path("scripts")) / "sam"
    runtime = f"PythonRuntime=python{sys.version_info.major}.{sys.version_info.minor}"
    command: list[str | Path] = [sam, "build", "--build-dir", BUILT]
    command += ["--parameter-overrides", runtime]
    path = f"{sam.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"  # the layers' Python
    environment = {**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0"}
    environment["AWS_DEFAULT_REGION"] = "us-east-1"
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        raise LocalError("sam build failed; its message is above.")


def _pack(package: Path, folder: Path) -> None:
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(str(file.relative_to(folder)), SAME_MOMENT)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (file.stat().st_mode & 0o777) << 16
                archive.writestr(entry, file.read_bytes())


def _changes(tag: str) -> str:
    """Return the subjects since the tag before this one, or since the beginning."""
    before = _git("describe", "--tags", "--abbrev=0", "--match", "v*", f"{tag}^", check=False)
    subjects = _git("log", "--no-merges", "--format=- %s", f"{before}..{tag}" if before else tag)
    return f"# {tag}\n\n{f'Since {before}:' if before else 'The first release:'}\n\n{subjects}\n"


def _git(*words: str, check: bool = True) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, check=check, capture_output=True, text=True)
    return done.stdout.strip()


def main(arguments: list[str]) -> int:
    """Make the release of the tag named; say in one line what is wrong."""
    if len(arguments) != 1 or not arguments[0].startswith("v"):
        print("usage: make release TAG=v0.1.0", file=sys.stderr)
        return 2
    try:
        for file in make_release(arguments[0]):
            print(f"  {file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
