"""Fixtures that the tests of users share."""

from types import SimpleNamespace

import pytest

from commerce.runtime import metrics


@pytest.fixture(autouse=True)
def _no_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of a test would share one collection of metrics, which no two functions do."""
    none = SimpleNamespace(metric_set={}, add_metric=lambda **_: None)
    monkeypatch.setattr(metrics, "_metrics", none)
