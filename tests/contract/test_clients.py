"""`make clients`: what it needs is pinned, and what the README shows is what it compiles."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra import node
from infra.clients import __main__ as clients
from infra.clients.collection import FIRST_ORDER, NEW_KEY, STEPS, complete
from infra.local.errors import LocalError
from infra.local.progress import Stages
from infra.template import ROOT

Json = dict[str, Any]

HERE = ROOT / "infra" / "clients"
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENT: Json = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
LOCKS = sorted(
    file for folder in ("infra", "tests") for file in ROOT.glob(f"{folder}/**/package-lock.json")
)


def item(method: str, *path: str, keys: int = 0) -> Json:
    """A request as the converter writes it."""
    variables = [{"key": part[1:], "value": "sample"} for part in path if part.startswith(":")]
    headers = [{"key": "Idempotency-Key", "value": "sample"}] * keys
    url = {"path": list(path), "variable": variables, "query": []}
    return {"name": "x", "request": {"method": method, "url": url, "header": headers, "body": {}}}


def collection() -> Json:
    """A converter's collection of those requests that the first order is made of."""
    operations = dict.fromkeys(step.operation for step in STEPS)
    requests = [
        item(method, *re.sub(r"{(\w+)}", r":\1", path[1:]).split("/"), keys=1)
        for method, path in (each.split() for each in operations)
    ]
    return {"item": [{"name": "all", "item": requests}], "variable": []}


def test_make_clients_runs_them_and_smoke_needs_a_running_system() -> None:
    command = [
        "make",
        "--no-print-directory",
        "--dry-run",
        "-o",
        ".venv/.installed",
        "-o",
        ".venv-clients/.installed",
    ]
    ran = {
        smoke: subprocess.run(
            [*command, "clients", f"SMOKE={smoke}"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout.strip()
        for smoke in ("", "1")
    }  # fmt: skip
    assert ran == {
        "": ".venv/bin/python -m infra.clients",
        "1": ".venv/bin/python -m infra.clients --smoke",
    }


def test_no_other_command_needs_what_the_clients_need() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    needing = re.findall(r"^([\w-]+):.*\$\(CLIENTS_VENV\)", makefile, re.MULTILINE)
    assert needing == ["clients"]


@pytest.mark.parametrize(
    ("language", "file"), [("python", "place_order.py"), ("ts", "place_order.ts")]
)
def test_an_example_of_the_readme_is_the_file_that_is_compiled(language: str, file: str) -> None:
    shown = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert shown == [(HERE / "examples" / file).read_text(encoding="utf-8")]


def test_the_commands_of_the_readme_name_what_is_made() -> None:
    assert f'--folder "{FIRST_ORDER}"' in README
    assert str(clients.COLLECTION.relative_to(ROOT)) in README
    assert ".local/clients/typescript/run/place_order.js" in README
    assert "Node.js " + ".".join(map(str, clients.OLDEST_NODE)) in README


def test_without_node_it_says_what_is_needed_and_makes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(clients, "MADE", tmp_path / "made")
    assert clients.main([]) == 1
    wanted = "✗ make clients needs Node.js 20.19 or newer with npm; none is on the PATH.\n"
    assert capsys.readouterr().err == wanted
    assert list(tmp_path.iterdir()) == []


def test_an_old_node_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "version", lambda: (18, 20, 4))
    with pytest.raises(LocalError, match=r"newer with npm; here is 18\.20\.4"):
        clients.make(Stages.silent())


def test_without_a_running_system_only_smoke_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(clients, "ROOT", tmp_path)
    clients.try_out_where_it_runs(Stages.silent(), is_needed=False)
    with pytest.raises(LocalError, match="make up starts one"):
        clients.try_out_where_it_runs(Stages.silent(), is_needed=True)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name)
def test_npm_packages_are_pinned_exactly_with_hashes_and_no_registry(lock: Path) -> None:
    wanted = json.loads(lock.with_name("package.json").read_text())["dependencies"]
    locked = json.loads(lock.read_text())["packages"]
    assert [each for each in wanted.values() if not re.fullmatch(r"\d+\.\d+\.\d+", each)] == []
    assert wanted == {name: locked[f"node_modules/{name}"]["version"] for name in wanted}
    packages = [each for path, each in locked.items() if path]
    assert [each for each in packages if not each["integrity"].startswith("sha512-")] == []
    assert [each for each in packages if "resolved" in each] == []
    assert "omit-lockfile-registry-resolved=true" in lock.with_name(".npmrc").read_text()


def test_every_step_of_the_first_order_has_a_documented_answer() -> None:
    documented = {
        (f"{method.upper()} {path}", int(status))
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        for status in operation["responses"]
    }
    assert [step.name for step in STEPS if (step.operation, step.status) not in documented] == []


def test_the_first_order_comes_first_and_sends_its_own_keys() -> None:
    made = complete(collection())
    folder = made["item"][0]
    assert (folder["name"], len(folder["item"])) == (FIRST_ORDER, len(STEPS))
    keys = [each["request"]["header"][0]["value"] for each in folder["item"]]
    assert keys == [step.key for step in STEPS]
    assert keys[4] == keys[5] != NEW_KEY
    [variable] = folder["item"][6]["request"]["url"]["variable"]
    assert variable == {"key": "order_id", "value": "{{order_id}}"}


def test_a_key_of_the_collection_is_new_for_each_request() -> None:
    others = complete(collection())["item"][1]["item"]
    assert {each["request"]["header"][0]["value"] for each in others} == {NEW_KEY}
    assert {each["key"] for each in complete(collection())["variable"]} == {
        "baseUrl",
        "bearerToken",
    }


def test_a_step_whose_request_is_no_longer_there_is_an_error() -> None:
    without = collection()
    del without["item"][0]["item"][0]
    with pytest.raises(KeyError, match="POST /users"):
        complete(without)
