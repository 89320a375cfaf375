"""Alerts listed, acknowledged and silenced by `make ops ARGS="alerts …"`."""

import json
from datetime import timedelta
from typing import Any

import pytest

from commerce.app.alerts import record
from commerce.app.alerts.record import Condition
from commerce.shared import clock
from infra.ops.__main__ import main
from tests.support.admin import audit_of
from tests.support.operations import an_alert
from tests.support.shop import rows

pytestmark = pytest.mark.usefixtures("own_shop")

MAIL = Condition("DEAD_LETTERS", "mail-requested", "1 dead letter.", "dead-letters.md")


def ops(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["alerts", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def later(**time: float) -> str:
    return clock.rfc3339(clock.now() + timedelta(**time))


def acts() -> list[tuple[str, str, str | None]]:
    found = rows("SELECT action, outcome, code FROM staff_act ORDER BY id")
    return [(row.action, row.outcome, row.code) for row in found if "alerts" in row.action]


def test_alerts_are_listed_and_what_stands_is_an_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ops(capsys, "list") == (0, {"alerts": []})
    an_alert("CHARGED_IN_VAIN", "1")
    assert ops(capsys, "list")[0] == 0  # it was raised, and is over
    record.seen([MAIL], clock.now())
    code, answer = ops(capsys, "list", "--current")
    assert (code, [each["about"] for each in answer["alerts"]]) == (1, ["mail-requested"])
    assert len(ops(capsys, "list", "--limit", "1")[1]["alerts"]) == 1
    main(["alerts", "list"])
    table = capsys.readouterr().out
    assert "docs/runbooks/dead-letters.md" in table
    assert "2 alerts" in table


def test_an_alert_is_acknowledged_by_command_and_audited(
    capsys: pytest.CaptureFixture[str],
) -> None:
    alert = an_alert("ORDERS_STUCK", "NOT_TOLD")
    code, answer = ops(capsys, "ack", alert["alert_id"], "--note", "I call the carrier")
    assert (code, answer["alerts"][0]["acknowledgement"]["note"]) == (0, "I call the carrier")
    assert acts() == [("make ops alerts ack", "DONE", None)]
    assert [action for _, action, _, _ in audit_of(alert["alert_id"])] == ["acknowledge alert"]


def test_a_silence_by_command_ends_at_its_moment_or_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record.seen([MAIL], clock.now())
    [alert] = ops(capsys, "list")[1]["alerts"]
    id_, until = alert["alert_id"], later(hours=2)
    reason = ("--reason", "The provider is down")
    code, answer = ops(capsys, "silence", id_, "--until", until, *reason)
    assert (code, answer["alerts"][0]["silence"]["until"]) == (0, until)
    assert ops(capsys, "list")[0] == 0  # what is silenced is not found wrong
    code, answer = ops(capsys, "silence", id_, "--end", *reason)
    assert (code, answer["alerts"][0]["silence"]) == (0, None)
    assert ops(capsys, "list")[0] == 1


def test_a_command_silences_no_alert_that_may_hide_orders_or_money(
    capsys: pytest.CaptureFixture[str],
) -> None:
    alert = an_alert("ORDERS_STUCK", "NOT_TOLD")
    code, answer = ops(
        capsys, "silence", alert["alert_id"], "--until", later(hours=1), "--reason", "It is known"
    )
    assert (code, "runbook" in answer["error"]) == (2, True)
    assert acts() == [("make ops alerts silence", "REFUSED", "ALERT_NOT_SILENCEABLE")]
    assert rows("SELECT silenced_until FROM alert") == [(None,)]


def test_a_note_that_says_nothing_is_refused_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    alert = an_alert("ORDERS_STUCK", "NOT_TOLD")
    code, answer = ops(capsys, "ack", alert["alert_id"], "--note", " ")
    assert (code, answer["error"][:5]) == (2, "note:")
    assert rows("SELECT note FROM alert") == [(None,)]
