"""What is deployed is complete: every handler is found with nothing but the layers on its path.

The interpreters that look run isolated (`-I -S`): they see the standard library, the dependency
layer as its requirements build it, and our own code; never this environment's packages.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from commerce.runtime.health import SCHEMA_REVISION
from tests.support.backends import ROOT

FUNCTIONS = ROOT / "functions"
MIGRATIONS = ROOT / "infra" / "migrations"
DOMAIN = ROOT / "layers" / "domain" / "python"
REQUIREMENTS = ROOT / "layers" / "dependencies" / "requirements.txt"
HANDLERS = sorted(
    ".".join(file.relative_to(FUNCTIONS).with_suffix("").parts) for file in FUNCTIONS.rglob("*.py")
)

# Prints, per module, None where it has a callable `handler`, else what is wrong.
LOOK = """
import importlib, json, sys
path, names = json.loads(sys.argv[1])
sys.path[:0] = path
found = {}
for name in names:
    try:
        module = importlib.import_module(name)
        found[name] = None if callable(module.handler) else "its handler cannot be called"
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

MIGRATE = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import migrate
print(json.dumps(migrate.migrate()))
"""


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dependency layer, as its pinned requirements build it."""
    target = tmp_path_factory.mktemp("dependencies")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [
            *(uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", target),
            *("--require-hashes", "--requirements", REQUIREMENTS),
        ],
        check=True,
    )
    return target


def isolated(script: str, argument: object, **environment: str) -> Any:
    """What the script prints last, as JSON, in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, json.dumps(argument, default=str)],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "AWS_REGION": "us-east-1", **environment},
    )
    return json.loads(done.stdout.splitlines()[-1])


def look(modules: Iterable[str], *path: Path) -> Any:
    """What a fresh interpreter with this path finds in each module."""
    return isolated(LOOK, [path, list(modules)])


def test_what_is_deployed_is_complete(dependencies: Path, own_database_url: str) -> None:
    assert len(HANDLERS) >= 19
    found = look([*HANDLERS, "migrate"], FUNCTIONS, MIGRATIONS, DOMAIN, dependencies)
    assert found == dict.fromkeys([*HANDLERS, "migrate"])
    path = [MIGRATIONS, DOMAIN, dependencies]
    assert isolated(MIGRATE, path, DATABASE_URL=own_database_url) == SCHEMA_REVISION


def test_no_handler_imports_what_only_compiles_statements(dependencies: Path) -> None:
    path = [FUNCTIONS, DOMAIN, dependencies]
    assert isolated(HEAVY, [path, HANDLERS, ["pydantic", "sqlalchemy"]]) == ["pydantic"]


def test_nothing_but_the_layers_is_seen() -> None:
    found = look(["order.place_order", "migrate"], FUNCTIONS, MIGRATIONS, DOMAIN)
    assert found["order.place_order"] is not None
    assert "No module named" in found["order.place_order"]
    assert found["migrate"] is not None
