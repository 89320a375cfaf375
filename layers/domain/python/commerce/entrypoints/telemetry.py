"""Logs, metrics and traces of every function."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias, TypeVar

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

A = TypeVar("A")
LambdaEvent: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[LambdaEvent, LambdaContext], A]

logger = Logger()
tracer = Tracer()
_metrics = Metrics()

# The domain logs through the standard library: its loggers speak through Powertools' handler.
_domain = logging.getLogger("commerce")
_domain.handlers = list(logger.handlers)
_domain.setLevel(logger.log_level)
_domain.propagate = False


def observed(handler: Handler[A]) -> Handler[A]:
    """A handler with its context in every log line, a trace, and its metrics sent when it ends."""

    @wraps(handler)
    def measured(event: LambdaEvent, context: LambdaContext) -> A:
        try:
            return handler(event, context)
        finally:
            if _metrics.metric_set:
                _metrics.flush_metrics()

    traced = tracer.capture_lambda_handler(measured, capture_response=False)
    logged: Handler[A] = logger.inject_lambda_context(traced, clear_state=True)
    return logged


def count(name: str) -> None:
    """Something happened once more."""
    _metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)


def gauge(name: str, value: float, unit: str) -> None:
    """Something measures so much now. Units are CloudWatch's: Count, Seconds, …"""
    _metrics.add_metric(name=name, unit=MetricUnit(unit), value=value)
