"""An alert is in the log, whatever becomes of the operators' topic."""

import json

import pytest

from commerce.runtime import alerts

ALERT = alerts.Alert(
    "SOMETHING_FAILED", "o-1", "It failed.", {"order_id": "o-1"}, "mend.md", "order=o-1"
)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("", "/console#order=o-1"),
        ("https://shop.example/v1/console", "https://shop.example/v1/console#order=o-1"),
    ],
)
def test_an_alert_is_logged_when_its_topic_is_down(
    monkeypatch: pytest.MonkeyPatch, given: str, shown: str
) -> None:
    monkeypatch.setenv("CONSOLE_URL", given)
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
        "console": shown,
        "runbook": "docs/runbooks/mend.md",
    }
