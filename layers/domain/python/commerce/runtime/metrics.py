"""Metrics of our own, sent with the logs when a function ends."""

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

_metrics = Metrics()


def count(name: str) -> None:
    """Something happened once more."""
    _metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)


def gauge(name: str, value: float, unit: str) -> None:
    """Something measures so much now. Units are CloudWatch's: Count, Seconds, …"""
    _metrics.add_metric(name=name, unit=MetricUnit(unit), value=value)


def send() -> None:
    """Send what was measured since the last time, if anything was."""
    if _metrics.metric_set:
        _metrics.flush_metrics()
