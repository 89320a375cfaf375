"""Ports: those of the environment, else those of the last start, else the defaults."""

from pathlib import Path

import pytest

from infra.local.errors import LocalError
from infra.local.ports import Ports


def test_ports_of_the_last_start_are_taken_again(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    Ports.from_environment({"EMULATOR_PORT": "24566", "VALKEY_PORT": "26379"}, file).remember(file)
    again = Ports.from_environment({"VALKEY_PORT": "26380"}, file)
    assert (again.emulator, again.valkey) == (24566, 26380)
    assert again.postgres == Ports().postgres


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"emulator": "x"}', '{"smtp": 1025}'])
def test_an_unreadable_file_of_ports_is_as_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ports.json"
    file.write_text(text)
    assert Ports.from_environment({}, file) == Ports()


def test_a_remembered_port_that_another_server_is_given_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    Ports(valkey=20001).remember(file)
    with pytest.raises(LocalError, match="needs a port of its own"):
        Ports.from_environment({"EMULATOR_PORT": "20001"}, file)
