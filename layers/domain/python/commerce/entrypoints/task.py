"""The handler of functions that a state machine calls."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.entrypoints.telemetry import Handler, LambdaEvent, logger, observed
from commerce.shared import trace
from commerce.shared.schemas import Command, View

Answer: TypeAlias = Mapping[str, Any]
C = TypeVar("C", bound=Command)


def task_handler(command: type[C], work: Callable[[C], View]) -> Handler[Answer]:
    """Make the handler of one task. Errors are raised, as the state machine matches their names.

    The input's `execution` is the execution's ARN; its name is the correlation id of the log lines.
    """

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:
        trace.follow(str(event.get("execution", "")).rpartition(":")[2] or context.aws_request_id)
        logger.append_keys(correlation_id=trace.trace_id())
        done = work(command.model_validate_json(json.dumps(event))).model_dump(mode="json")
        logger.info("done", **done)
        return done

    return handler
