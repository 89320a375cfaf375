"""The handler of scheduled functions."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.entrypoints.telemetry import Handler, LambdaEvent, logger, observed
from commerce.shared import trace

Answer: TypeAlias = Mapping[str, Any]


def schedule_handler(work: Callable[[], Answer]) -> Handler[Answer]:
    """Make the handler of a scheduled function; the result of `work` is logged and returned."""

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:
        trace.follow(str(event.get("id") or context.aws_request_id))
        logger.append_keys(correlation_id=trace.trace_id())
        done = work()
        logger.info("done", **done)
        return done

    return handler
