"""What all functions share that a state machine calls."""

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
    """A function that does one task. What fails is raised: the state machine knows its name.

    `execution` of its input is the execution's ARN, whose name every log line has.
    """

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:
        trace.follow(str(event.get("execution", "")).rpartition(":")[2] or context.aws_request_id)
        logger.append_keys(correlation_id=trace.trace_id())
        done = work(command.model_validate_json(json.dumps(event))).model_dump(mode="json")
        logger.info("done", **done)
        return done

    return handler
