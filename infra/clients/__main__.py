"""Make typed clients of docs/openapi.json in .local/clients, compile them, and try them.

    python -m infra.clients            what `make clients` runs
    python -m infra.clients --smoke    `make clients SMOKE=1`: no running system is an error

The Python and TypeScript clients are checked strictly, with the programs of infra/clients that use
them. Where the system of `make up` runs, those programs and the collection are then played against
it, each as a new shopper.
"""

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra import node
from infra.clients.collection import FIRST_ORDER, STEPS, complete
from infra.local.api import Api
from infra.local.demo import CHARGED_WON, sign_up
from infra.local.env_file import read_env
from infra.local.errors import LocalError
from infra.local.progress import Stages
from infra.openapi.files import DOCUMENT
from infra.template import ROOT

HERE = ROOT / "infra" / "clients"
MADE = ROOT / ".local" / "clients"
PYTHON, TYPESCRIPT, NODE = MADE / "python", MADE / "typescript", MADE / "node"
COLLECTION = MADE / "collection" / "lastunit.postman_collection.json"
BIN = ROOT / ".venv-clients" / "bin"
NODE_BIN = NODE / "node_modules" / ".bin"
OLDEST_NODE = (20, 19)
COLLECTION_OPTIONS = (
    "folderStrategy=Tags,parametersResolution=Example,enableOptionalParameters=false"
)
TIMEOUT_SECONDS = 600
LAST_CHARACTERS = 4000


def make(stages: Stages) -> None:
    """Make all clients and compile them. Raises LocalError with what a tool says."""
    found = node.version()
    if found is None or found < OLDEST_NODE:
        oldest = ".".join(map(str, OLDEST_NODE))
        has = "none is on the PATH" if found is None else f"here is {'.'.join(map(str, found))}"
        raise LocalError(f"make clients needs Node.js {oldest} or newer with npm; {has}.")
    with stages.stage("Packages") as outcome:
        if not node.install(HERE, NODE):
            raise LocalError("The packages of infra/clients/package-lock.json: see npm above.")
        outcome.is_now("as infra/clients/package-lock.json pins them")
    with stages.stage("Python") as outcome:
        outcome.is_now(_make_python())
    with stages.stage("TypeScript") as outcome:
        outcome.is_now(_make_typescript())
    with stages.stage("Collection") as outcome:
        outcome.is_now(_make_collection())


def _make_python() -> str:
    shutil.rmtree(PYTHON, ignore_errors=True)
    on_path = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}  # the generator calls ruff
    _run([BIN / "openapi-python-client", "generate", "--fail-on-warning", "--meta", "uv",
          "--path", DOCUMENT, "--config", HERE / "python.yaml", "--output-path", PYTHON],
         on_path)  # fmt: skip
    package = PYTHON / "lastunit_client"
    _run([BIN / "mypy", "--strict", "--config-file=", "--cache-dir", MADE / "mypy",
          package, HERE / "examples", HERE / "smoke"], {"MYPYPATH": str(PYTHON)})  # fmt: skip
    return f"mypy --strict finds nothing in {_shown(package)} and the programs that use it"


def _make_typescript() -> str:
    shutil.rmtree(TYPESCRIPT, ignore_errors=True)
    _run([NODE_BIN / "openapi-ts", "-f", HERE / "openapi-ts.config.mjs"])
    for file in (HERE / "typescript").glob("*.json"):
        shutil.copy(file, TYPESCRIPT)
    programs = TYPESCRIPT / "programs"
    programs.mkdir()
    for file in [*HERE.glob("examples/*.ts"), *HERE.glob("smoke/*.ts")]:
        shutil.copy(file, programs)
    for project in ("client", "programs"):  # the programs import what the first one makes
        _run([NODE_BIN / "tsc", "-p", TYPESCRIPT / f"{project}.tsconfig.json"])
    return f"tsc --strict compiles {_shown(TYPESCRIPT)} and the programs that use it"


def _make_collection() -> str:
    COLLECTION.parent.mkdir(parents=True, exist_ok=True)
    _run([NODE_BIN / "openapi2postmanv2", "-s", DOCUMENT, "-o", COLLECTION,
          "-O", COLLECTION_OPTIONS])  # fmt: skip
    collection = complete(json.loads(COLLECTION.read_text(encoding="utf-8")))
    COLLECTION.write_text(json.dumps(collection, indent=1), encoding="utf-8")
    return f"{_shown(COLLECTION)}, with a folder to play: {FIRST_ORDER}"


def try_out_where_it_runs(stages: Stages, *, is_needed: bool) -> None:
    """Use each client against the system of `make up`, if it runs.

    Raises LocalError where an answer is wrong, and where none runs but is needed.
    """
    if system := read_env(ROOT / ".local" / "env"):
        try_out(system, stages)
    elif is_needed:
        raise LocalError("No local system runs to try the clients with: make up starts one.")
    else:
        stages.say("They were not tried: no local system runs (make up starts one).")


def try_out(system: Mapping[str, str], stages: Stages) -> None:
    """Use each client against a running system. Raises LocalError where an answer is wrong."""
    url = system["API_URL"]
    python = {"PYTHONPATH": str(PYTHON)}
    with stages.stage("Try Python") as outcome:
        _run([BIN / "python", HERE / "smoke" / "shopper.py"], {**system, **python})
        buys = _run(
            [BIN / "python", HERE / "examples" / "place_order.py"], {**_buyer(url), **python}
        )
        outcome.is_now(_order(buys))
    with stages.stage("Try TypeScript") as outcome:
        _run(["node", TYPESCRIPT / "run" / "shopper.js"], system)
        outcome.is_now(_order(_run(["node", TYPESCRIPT / "run" / "place_order.js"], _buyer(url))))
    with stages.stage("Try the collection") as outcome:
        _run([NODE_BIN / "newman", "run", COLLECTION, "--folder", FIRST_ORDER,
              "--env-var", f"baseUrl={url}", "--bail", "--color", "off"])  # fmt: skip
        outcome.is_now(f"{len(STEPS)} requests are answered as the folder's tests say")


def _buyer(url: str) -> dict[str, str]:
    """Return what an example takes from its environment: the API, and a shopper with points."""
    buyer = sign_up(Api(url)).api
    buyer.call("POST", "/users/me/points/charges", {"amount": CHARGED_WON}, secrets.token_hex(8))
    return {"API_URL": url, "TOKEN": str(buyer.token)}


def _order(printed: str) -> str:
    if "CONFIRMED" not in printed:
        raise LocalError(f"The example placed no order, and printed: {printed}")
    return f"order {printed.strip()}"


def _run(command: Sequence[str | Path], variables: Mapping[str, str] | None = None) -> str:
    """Run a program in the project's folder; return what it prints. Raises LocalError."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        words = " ".join(str(word) for word in command[:3])
        raise LocalError(f"{words} failed, and said:\n{done.stdout[-LAST_CHARACTERS:]}")
    return done.stdout


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, compile and try; 1 where one of these failed."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.clients",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--smoke", action="store_true", help="fail where no system runs")
    chosen = parser.parse_args(arguments)
    stages = Stages()
    try:
        make(stages)
        try_out_where_it_runs(stages, is_needed=chosen.smoke)
    except LocalError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
