"""An alert is in the log, whatever becomes of the operators' topic."""

import json

import pytest

from commerce.runtime import alerts

ALERT = alerts.Alert("SOMETHING_FAILED", "o-1", "It failed.", {"order_id": "o-1"}, "mend.md")


def test_an_alert_is_logged_when_its_topic_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []

    def down(*_: object, **__: object) -> object:
        raise ConnectionError

    monkeypatch.setattr(alerts, "client", down)
    monkeypatch.setattr(alerts.logger, "warning", lambda line, alert: told.append(line % alert))
    with pytest.raises(ConnectionError):
        alerts.publish(ALERT)

    [line] = told
    assert json.loads(line.removeprefix("alert ")) == {
        "alert": "SOMETHING_FAILED",
        "summary": "It failed.",
        "order_id": "o-1",
        "runbook": "docs/runbooks/mend.md",
    }
