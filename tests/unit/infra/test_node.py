"""Packages of Node.js are installed when their lock file says something new, and only then."""

from pathlib import Path

import pytest

from infra import node


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a lock file."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    (folder / "package-lock.json").write_text('{"lockfileVersion": 3}')
    return folder


def put_on_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch, npm: str, node_says: str = "v20.19.1"
) -> None:
    """Let `npm` and `node` be scripts."""
    folder.mkdir(exist_ok=True)
    for name, script in (("npm", npm), ("node", f"echo {node_says}")):
        file = folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_packages_are_installed_once_for_each_lock_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path / "bin", monkeypatch, 'echo "$@" >> calls; cat package-lock.json >> calls')
    target = tmp_path / "target"
    assert [node.install(source, target) for _ in range(2)] == [True, True]
    [command, lock] = (target / "calls").read_text().splitlines()
    assert command.startswith("ci --ignore-scripts ")
    assert lock == '{"lockfileVersion": 3}'
    (source / "package-lock.json").write_text('{"lockfileVersion": 4}')
    assert node.install(source, target)
    assert (target / "calls").read_text().count("ci --ignore-scripts ") == 2


def test_an_installation_that_failed_is_tried_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path / "bin", monkeypatch, "echo >> calls; exit 1")
    target = tmp_path / "target"
    assert [node.install(source, target) for _ in range(2)] == [False, False]
    assert (target / "calls").read_text() == "\n\n"


def test_the_version_is_that_of_the_node_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path / "bin", monkeypatch, "true", node_says="v22.18.0")
    assert node.version() == (22, 18, 0)


def test_node_without_npm_is_no_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(tmp_path / "bin", monkeypatch, "true")
    (tmp_path / "bin" / "npm").unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert node.version() is None
