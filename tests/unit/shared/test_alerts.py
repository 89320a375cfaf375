"""An alert is in the log, whatever becomes of the operators' topic."""

import json
import logging

import pytest

from commerce.shared import alerts

ALERT = alerts.Alert("SOMETHING_FAILED", "o-1", "It failed.", {"order_id": "o-1"}, "mend.md")


def test_the_log_has_what_a_topic_that_is_down_has_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def down(*_: object, **__: object) -> object:
        raise ConnectionError

    monkeypatch.setattr(alerts, "client", down)
    monkeypatch.setattr(logging.getLogger("commerce"), "propagate", True)
    with pytest.raises(ConnectionError):
        alerts.publish(ALERT)

    [line] = caplog.messages
    assert json.loads(line.removeprefix("alert ")) == {
        "alert": "SOMETHING_FAILED",
        "summary": "It failed.",
        "order_id": "o-1",
        "runbook": "docs/runbooks/mend.md",
    }
