"""Tests of the directory that a test run makes its temporary files in."""

import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests.support import scratch

GIB = 1024**3


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A large directory that takes the place of the machine's memory; TMPDIR is not set."""
    monkeypatch.setattr(scratch, "MEMORY", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=24 * GIB))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=20 * GIB))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", "")
    monkeypatch.delenv("TMPDIR")
    return tmp_path


def test_temporary_files_are_made_in_memory(memory: Path) -> None:
    scratch.use_memory()
    assert Path(os.environ["TMPDIR"]) == Path(tempfile.gettempdir()) == memory


def test_a_chosen_directory_is_kept(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/chosen")
    scratch.use_memory()
    assert os.environ["TMPDIR"] == "/chosen"


@pytest.mark.parametrize("lacks", ["directory", "room", "memory", "permission to run files"])
def test_the_disk_is_used_where_memory_does_not_do(
    memory: Path, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    if lacks == "directory":
        monkeypatch.setattr(scratch, "MEMORY", memory / "missing")
    elif lacks == "room":
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=64 * 1024**2))
    elif lacks == "memory":
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=GIB))
    else:
        flags = SimpleNamespace(f_flag=os.ST_NOEXEC)
        monkeypatch.setattr(os, "statvfs", lambda _: flags)
    scratch.use_memory()
    assert "TMPDIR" not in os.environ
