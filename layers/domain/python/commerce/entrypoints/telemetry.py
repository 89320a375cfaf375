"""Logs, metrics and traces of every function."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeAlias, TypeVar

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.runtime.deadline import answering_within
from commerce.runtime.metrics import count, gauge, send
from commerce.shared import trace

__all__ = [
    "Handler", "LambdaEvent", "count", "gauge", "logger", "observed", "own_context", "tracer",
]  # fmt: skip

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
    """Add what every function has: a deadline, context for its log lines, a trace, metrics."""

    @wraps(handler)
    def measured(event: LambdaEvent, context: LambdaContext) -> A:
        trace.follow("")  # the last invocation's
        try:
            with answering_within(context.get_remaining_time_in_millis() / 1000):
                return handler(event, context)
        finally:
            send()

    traced = tracer.capture_lambda_handler(measured, capture_response=False)
    # Never the event, whatever the environment says: it has passwords, cards and tokens.
    logged: Handler[A] = logger.inject_lambda_context(traced, clear_state=True, log_event=False)
    return logged


@contextmanager
def own_context(**keys: str) -> Iterator[None]:
    """Add keys to the log lines of the block; they, what it adds, and its trace end with it.

    The `correlation_id`, if there is one, is also the trace of the events that the block causes.
    """
    before = set(logger.get_current_keys())
    trace.follow(keys.get("correlation_id", ""))
    logger.append_keys(**keys)
    try:
        yield
    finally:
        logger.remove_keys(logger.get_current_keys().keys() - before)
        trace.follow("")
