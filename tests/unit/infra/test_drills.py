"""The frame of drills: what refuses to run, what is listed, and which exit code says what."""

import json
import os
import sys
from contextlib import nullcontext
from importlib.util import find_spec
from types import ModuleType

import pytest

from infra.drills import __main__ as command
from infra.drills import parts
from infra.drills.frame import Drill, NotLocal, Report, environment, require_local
from infra.template import ROOT

AWAY = {
    "DATABASE_URL": "postgresql://u:p@db.example.com:5432/lastunit",
    "VALKEY_URL": "rediss://cache.example.com:6379",
    "AWS_ENDPOINT_URL": "https://sqs.eu-west-1.amazonaws.com",
    "AWS_ENDPOINT_URL_SQS": "https://sqs.eu-west-1.amazonaws.com",
    "API_URL": "https://127.0.0.1.example.com/prod",
    "BEACON_URLS": "http://127.0.0.1:1,https://api.drand.sh",
    "DATABASE_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:1:secret:s",
    "DATABASE_PROXY_HOST": "proxy.example.com",
}
LOCAL = {
    "DATABASE_URL": "postgresql://u:p@127.0.0.1:15432/lastunit",
    "VALKEY_URL": "redis://localhost:16379/0",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:14566",
    "BEACON_URLS": "http://[::1]:1,http://127.0.0.1:2",
    "DATABASE_SECRET_ARN": "",
}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A drill named planted, which starts no servers."""
    module = ModuleType("infra.drills.planted")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    drill = Drill("planted", "Does as planted.", "nothing", 7, "steps")
    monkeypatch.setitem(command.DRILLS, "planted", drill)
    monkeypatch.setattr(command, "own_system", nullcontext)
    for name in AWAY:
        monkeypatch.delenv(name, raising=False)
    return module


def holds(report: Report, count: int) -> None:
    report.check("A step", f"{count} of {count}", only_aws="the rest")


def fails(report: Report, count: int) -> None:
    holds(report, count)
    report.check("Another", "it is not so", holds=False)


def breaks(report: Report, count: int) -> None:
    holds(report, count)
    raise OSError("no disk")


def proves_nothing(report: Report, count: int) -> None:
    del report, count


@pytest.mark.parametrize("name", AWAY)
def test_an_address_that_is_not_local_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(NotLocal, match=f"^{name} leads"):
        require_local({**LOCAL, name: AWAY[name]})


def test_local_addresses_are_accepted() -> None:
    require_local(LOCAL)


@pytest.mark.parametrize("name", AWAY)
def test_no_drill_starts_where_an_address_leads_away(
    planted: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    def start() -> None:
        raise AssertionError("a server was started")

    monkeypatch.setattr(command, "own_system", start)
    monkeypatch.setenv(name, AWAY[name])
    assert command.main(["planted"]) == 2
    assert name in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prove", "code"), [(holds, 0), (fails, 1), (breaks, 1), (proves_nothing, 1)]
)
def test_the_exit_code_is_1_where_something_did_not_hold(
    planted: ModuleType, prove: object, code: int
) -> None:
    planted.prove = prove  # type: ignore[attr-defined]
    assert command.main(["planted"]) == code


def test_a_drill_shows_its_steps_and_what_only_aws_can_show(
    planted: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.prove = fails  # type: ignore[attr-defined]
    command.main(["planted"])
    shown = capsys.readouterr().out
    assert "✓ A step: 7 of 7\n✗ Another: it is not so\n" in shown
    assert "the rest" in shown
    assert "✗ Something did not hold" in shown


def test_programs_get_the_steps_as_json_alone(
    planted: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.prove = breaks  # type: ignore[attr-defined]
    assert command.main(["planted", "--json", "--count", "2"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["drill"], found["holds"]) == ("planted", False)
    assert found["steps"] == [
        {"name": "A step", "holds": True, "proof": "2 of 2", "only_aws": "the rest"},
        {
            "name": "The drill runs to its end", "holds": False, "only_aws": "",
            "proof": "It could not go on: OSError: no disk",
        },
    ]  # fmt: skip


def test_what_functions_print_is_not_mixed_with_the_drills_words(
    planted: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def prints(report: Report, count: int) -> None:
        sys.stdout.write("a log line\n")
        holds(report, count)

    planted.prove = prints  # type: ignore[attr-defined]
    command.main(["planted"])
    assert "a log line" not in capsys.readouterr().out


def test_without_a_name_the_drills_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    shown = capsys.readouterr().out
    assert [name for name in command.DRILLS if name not in shown] == []


def test_an_unknown_drill_is_refused_with_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nothing"]) == 2
    assert "restore" in capsys.readouterr().out


def test_every_drill_has_a_module_and_is_named_in_the_production_guide() -> None:
    guide = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    for name in command.DRILLS:
        assert find_spec(f"infra.drills.{name}") is not None
        assert f"| `{name}` |" in guide


def test_the_environment_is_as_before_after_a_drill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_servers", nullcontext)
    monkeypatch.setenv("GATEWAY_URL", "http://127.0.0.1:18082")
    before = dict(os.environ)
    with parts.own_system():
        assert "GATEWAY_URL" not in os.environ
        with environment(GATEWAY_URL="http://127.0.0.1:1", PATH="/nowhere"):
            os.environ["LEFT_BEHIND"] = "by a drill"
    assert dict(os.environ) == before
