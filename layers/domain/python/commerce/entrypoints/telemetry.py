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

# The domain logs through the standard library, and so through Powertools' handler.
_domain = logging.getLogger("commerce")
_domain.handlers = list(logger.handlers)
_domain.setLevel(logger.log_level)
_domain.propagate = False


def observed(handler: Handler[A]) -> Handler[A]:
    """Add the invocation's context to log lines, a trace, and the sending of metrics at the end."""

    @wraps(handler)
    def measured(event: LambdaEvent, context: LambdaContext) -> A:
        try:
            return handler(event, context)
        finally:
            send()

    traced = tracer.capture_lambda_handler(measured, capture_response=False)
    # Never the event, whatever the environment says: it has passwords, cards and tokens.
    logged: Handler[A] = logger.inject_lambda_context(traced, clear_state=True, log_event=False)
    return logged
