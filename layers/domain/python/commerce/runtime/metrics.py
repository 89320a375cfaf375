"""Custom metrics, sent with the logs when a function ends."""

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

_metrics = Metrics()


def count(name: str) -> None:
    """Add one to a counter."""
    _metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)


def gauge(name: str, value: float, unit: str) -> None:
    """Record a measured value; `unit` is one of CloudWatch's (Count, Seconds and so on)."""
    _metrics.add_metric(name=name, unit=MetricUnit(unit), value=value)


def send() -> None:
    """Send the metrics recorded since the last call, if there are any."""
    if _metrics.metric_set:
        _metrics.flush_metrics()
