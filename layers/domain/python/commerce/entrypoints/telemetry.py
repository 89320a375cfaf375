"""Logs, metrics and traces of every function."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias, TypeVar

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.runtime.metrics import count, gauge, send

__all__ = ["Handler", "LambdaEvent", "count", "gauge", "logger", "observed", "tracer"]

A = TypeVar("A")
LambdaEvent: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[LambdaEvent, LambdaContext], A]

logger = Logger()
tracer = Tracer()

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
            send()

    traced = tracer.capture_lambda_handler(measured, capture_response=False)
    # Never the event, whatever the environment says: there are passwords, cards and tokens in it.
    logged: Handler[A] = logger.inject_lambda_context(traced, clear_state=True, log_event=False)
    return logged
