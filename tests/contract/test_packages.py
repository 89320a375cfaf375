"""The layers that `sam build` makes are complete, compiled, and the same each time.

The interpreters that import handlers run isolated (`-I -S`): they see the standard library, the
built layers and the functions, never this environment's packages.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest

from commerce.runtime.health import SCHEMA_REVISION
from infra.template import read_template
from tests.support.backends import ROOT

FUNCTIONS = ROOT / "functions"
MIGRATIONS = ROOT / "infra" / "migrations"
LAYERS = ROOT / "layers"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
MACHINE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
LAYER_NAMES = ("dependencies", "migrations", "domain")
BUILD_STATEMENTS = (".statements", ".tables", ".db.core", ".db.compiler", ".app.schema")
UNCHECKED_HASH = 1  # a .pyc file's flags, after its magic number (PEP 552)
HANDLERS = sorted(
    ".".join(file.relative_to(FUNCTIONS).with_suffix("").parts) for file in FUNCTIONS.rglob("*.py")
)

# Prints, per module, what is wrong: it cannot be imported, or lacks the function that is needed.
LOOK = """
import importlib, json, sys
path, names, needed = json.loads(sys.argv[1])
sys.path[:0] = path
found = {}
for name in names:
    try:
        module = importlib.import_module(name)
        is_right = not needed or callable(getattr(module, needed))
        found[name] = None if is_right else f"{needed} cannot be called"
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""

# Prints which of the packages the handlers have imported, all of them together.
HEAVY = """
import importlib, json, sys
path, names, packages = json.loads(sys.argv[1])
sys.path[:0] = path
for name in names:
    importlib.import_module(name)
print(json.dumps([package for package in packages if package in sys.modules]))
"""

# Prints the services of which boto3 makes a client.
CLIENTS = """
import json, sys
path, services = json.loads(sys.argv[1])
sys.path[:0] = path
import boto3
made = [boto3.client(each, "us-east-1") for each in services]
print(json.dumps([each.meta.service_model.service_name for each in made]))
"""

MIGRATE = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import migrate
print(json.dumps(migrate.migrate()))
"""


@dataclass(frozen=True)
class Layers:
    """The folders that Lambda unpacks the built layers to."""

    dependencies: Path
    migrations: Path
    domain: Path


def build(name: str, directory: Path) -> Path:
    """Run a layer's target as SAM does: in a copy of the layer's folder."""
    source = shutil.copytree(LAYERS / name, directory / "source")
    built = directory / "built"
    makefile = LAYERS / "targets" / f"{PYTHON}-{MACHINE}" / "Makefile"
    target = f"build-{name.title()}Layer"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["make", "--silent", "--makefile", makefile, target, f"ARTIFACTS_DIR={built}"],
        check=True,
        cwd=source,
        env={"PATH": path, "HOME": str(Path.home())},
    )
    return built / "python"


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Layers:
    """The layers, as `sam build` makes them."""
    made = {name: build(name, tmp_path_factory.mktemp(name)) for name in LAYER_NAMES}
    return Layers(**made)


def isolated(script: str, argument: object, **environment: str) -> Any:
    """Run a script in a fresh interpreter; return the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, json.dumps(argument, default=str)],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "AWS_REGION": "us-east-1", **environment},
    )
    return json.loads(done.stdout.splitlines()[-1])


def look(modules: Iterable[str], *path: Path, needed: str = "handler") -> Any:
    """Return what a fresh interpreter with this path finds wrong with each module, if anything."""
    return isolated(LOOK, [path, list(modules), needed])


def test_every_handler_imports_with_only_the_deployed_packages(
    layers: Layers, own_database_url: str
) -> None:
    assert len(HANDLERS) >= 19
    path = [layers.domain, layers.dependencies]
    assert look(HANDLERS, FUNCTIONS, *path) == dict.fromkeys(HANDLERS)
    path = [MIGRATIONS, *path, layers.migrations]
    assert look(["migrate"], *path) == {"migrate": None}
    migrated = isolated(MIGRATE, path, DATABASE_URL=own_database_url)
    assert migrated == SCHEMA_REVISION


def test_no_handler_imports_what_only_compiles_statements(layers: Layers) -> None:
    path = [FUNCTIONS, layers.domain, layers.dependencies]
    assert isolated(HEAVY, [path, HANDLERS, ["pydantic", "sqlalchemy"]]) == ["pydantic"]


def test_only_modules_that_build_statements_need_what_compiles_them(layers: Layers) -> None:
    package = layers.domain / "commerce"
    named = {
        ".".join(file.relative_to(layers.domain).with_suffix("").parts).removesuffix(".__init__")
        for file in package.rglob("*.py")
    }
    build = {each for each in named if each.endswith(BUILD_STATEMENTS)}
    assert len(build) > 20
    modules = sorted(named - build)
    path = [layers.domain, layers.dependencies]
    assert look(modules, *path, needed="") == dict.fromkeys(modules)


def test_the_layer_describes_the_services_that_functions_call_and_no_other(layers: Layers) -> None:
    code = [*FUNCTIONS.rglob("*.py"), *(LAYERS / "domain").rglob("*.py")]
    called = {"xray"} | {  # the tracer's
        service
        for file in code
        for service in re.findall(r'\bclient\(\s*"([\w-]+)"', file.read_text(encoding="utf-8"))
    }
    assert len(called) > 5
    described = layers.dependencies / "botocore" / "data"
    assert {each.name for each in described.iterdir() if each.is_dir()} == called
    assert isolated(CLIENTS, [[layers.dependencies], sorted(called)]) == sorted(called)


def test_without_the_dependencies_layer_a_handler_is_not_found(layers: Layers) -> None:
    found = look(["order.place_order", "migrate"], FUNCTIONS, MIGRATIONS, layers.domain)
    assert found["order.place_order"] is not None
    assert "No module named" in found["order.place_order"]
    assert found["migrate"] is not None


@pytest.mark.parametrize("name", LAYER_NAMES)
def test_a_layer_has_bytecode_that_needs_no_check_of_its_source(layers: Layers, name: str) -> None:
    folder = getattr(layers, name)
    sources = list(folder.rglob("*.py"))
    without = [file for file in sources if not Path(cache_from_source(str(file))).exists()]
    flags = {int.from_bytes(f.read_bytes()[4:8], "little") for f in folder.rglob("*.pyc")}
    assert (len(sources) > 100, without, flags) == (True, [], {UNCHECKED_HASH})


def test_an_unchanged_domain_makes_an_unchanged_layer(layers: Layers, tmp_path: Path) -> None:
    again = build("domain", tmp_path)
    assert contents(again) == contents(layers.domain)


def contents(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_layers_can_be_built_for_every_runtime_and_architecture() -> None:
    parameters = read_template()["Parameters"]
    pairs = {
        (runtime, architecture)
        for runtime in parameters["PythonRuntime"]["AllowedValues"]
        for architecture in parameters["Architecture"]["AllowedValues"]
    }
    declared = {
        (found["PYTHON"], found["ARCHITECTURE"]): file.parent.name
        for file in (LAYERS / "targets").glob("*/Makefile")
        for found in [dict(re.findall(r"(\w+) := (\S+)", file.read_text(encoding="utf-8")))]
    }
    assert declared == {pair: "-".join(pair) for pair in pairs}


def test_make_wheels_resolves_the_layer_for_every_target() -> None:
    command = ["make", "--dry-run", "-o", ".venv/.installed", "wheels"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    resolved = {
        (f"python{version}", {"aarch64": "arm64"}.get(machine, machine))
        for line in ended.stdout.replace("\\\n", " ").splitlines()
        if "install" in line and "--dry-run" in line and "--only-binary=:all:" in line
        for version in re.findall(r"--python-version (\S+)", line)
        for machine in re.findall(r"--platform manylinux2014_(\S+)", line)
    }
    assert {"-".join(pair) for pair in resolved} == {
        folder.name for folder in (LAYERS / "targets").iterdir()
    }
