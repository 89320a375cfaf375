"""Let the emulator count what AWS counts: requests answered 5xx, and functions that failed.

CloudWatch's own metrics, which the console's trends are sampled from: `5XXError` of AWS/ApiGateway
for each request to a stage, 0 or 1, and `Errors` of AWS/Lambda for each call of a function, 1 where
it raised, was killed, timed out or ended. The emulator by itself counts only calls of Invoke, none
by a request, a queue or a schedule.

Run by path, as the emulator's own environment knows nothing of this package.
"""

import threading
import time
from typing import Any

from ministack.services import (  # type: ignore[import-not-found]
    apigateway_v1,
    cloudwatch,
    lambda_svc,
)

SECONDS_PER_POINT = 60

_one_at_a_time = threading.Lock()
_answer = apigateway_v1._handle_execute_in_scope  # noqa: SLF001 - the emulator has no other way
_execute = lambda_svc._execute_function_dispatch  # noqa: SLF001


def count(namespace: str, metric: str, value: int, dimensions: dict[str, str]) -> None:
    """Add a value to its minute's point: a point per value and minute, however many there are."""
    key = (namespace, metric, cloudwatch._dims_key(dimensions))  # noqa: SLF001
    minute = time.time() // SECONDS_PER_POINT * SECONDS_PER_POINT
    with _one_at_a_time:
        points = cloudwatch._metric_bucket(key)  # noqa: SLF001
        for point in points[-2:]:
            if (point["Timestamp"], point["Value"]) == (minute, float(value)):
                point["Count"] += 1
                return
        points.append(
            {
                "Timestamp": minute,
                "Value": float(value),
                "Count": 1.0,
                "Unit": "Count",
                "Dimensions": dimensions,
            }
        )


async def answer_and_count(api_id: str, stage: str, *arguments: Any) -> Any:
    """Answer a request to a deployed stage, and count whether the answer is 5xx."""
    answer = await _answer(api_id, stage, *arguments)
    name = (apigateway_v1._rest_apis.get(api_id) or {}).get("name", api_id)  # noqa: SLF001
    is_failure = int(answer[0] >= 500)
    count("AWS/ApiGateway", "5XXError", is_failure, {"ApiName": name, "Stage": stage})
    return answer


def execute_and_count(function: Any, config: dict[str, Any], *arguments: Any) -> Any:
    """Run a function once, and count a failure if it fails."""
    is_failure = 1
    try:
        result = _execute(function, config, *arguments)
        is_failure = int(not isinstance(result, dict) or bool(result.get("error")))
        return result
    finally:
        name = str(config.get("FunctionName", "unknown"))
        count("AWS/Lambda", "Errors", is_failure, {"FunctionName": name})


def install() -> None:
    """Count from now on."""
    apigateway_v1._handle_execute_in_scope = answer_and_count  # noqa: SLF001
    lambda_svc._execute_function_dispatch = execute_and_count  # noqa: SLF001
    lambda_svc._emit_lambda_metrics = lambda *_, **__: None  # noqa: SLF001 - it counts some twice
