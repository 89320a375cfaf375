"""Calls of the functions' handlers as API Gateway, SQS and the clock make them."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

_FUNCTIONS = Path(__file__).parents[2] / "functions"
PATIENT_SECONDS = 60  # a machine on which many threads share the tests' CPU is slow, not faulty
_environment = threading.local()

Handler = Callable[[dict[str, Any], LambdaContext], Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of an HTTP function."""

    status: int
    json: Any
    headers: Mapping[str, str]


def lambda_context(timeout_seconds: float = PATIENT_SECONDS) -> LambdaContext:
    """A context as the runtime gives it at the start."""
    return _context(lambda: timeout_seconds)


def _context(remaining_seconds: Callable[[], float]) -> LambdaContext:
    context = SimpleNamespace(
        function_name="test",
        function_version="$LATEST",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:test",
        aws_request_id=str(uuid.uuid4()),
        log_stream_name="2026/11/29/[$LATEST]test",
        get_remaining_time_in_millis=lambda: int(remaining_seconds() * 1000),
    )
    return cast("LambdaContext", context)


def counting_down(timeout_seconds: float) -> LambdaContext:
    """A context whose remaining time runs out."""
    ends_at = time.monotonic() + timeout_seconds
    return _context(lambda: ends_at - time.monotonic())


def http_event(
    method: str,
    path: str,
    *,
    body: Any = None,
    raw_body: str | None = None,
    token: str | None = None,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    resource: str | None = None,
    source_ip: str = "203.0.113.7",
) -> dict[str, Any]:
    """An API Gateway REST proxy event. `raw_body` is sent as it is, `body` as JSON.

    `resource` is the path as the template has it, where that matters.
    """
    parts = urlsplit(path)
    sent = {"Content-Type": "application/json", **(headers or {})}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    if key is not None:
        sent["Idempotency-Key"] = key
    query = parse_qs(parts.query, keep_blank_values=True)
    return {
        "resource": resource or parts.path,
        "path": parts.path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "stage": "v1",
            "path": parts.path,
            "identity": {"sourceIp": source_ip},
        },
        "body": raw_body if raw_body is not None else None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def function(name: str) -> Handler:
    """The handler of functions/<name>, loaded anew for each thread that asks.

    Lambda serves one request at a time per execution environment, and Powertools' resolver relies
    on that: two threads must share neither a resolver nor what it keeps on its class.
    """
    if name not in loaded():
        file = _FUNCTIONS / f"{name}.py"
        spec = spec_from_file_location(name.replace("/", "."), file)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        if hasattr(module, "api"):
            _give_its_own_event(module.api)
        loaded()[name] = module.handler
    return loaded()[name]


def loaded() -> dict[str, Handler]:
    """The handlers that this thread has loaded, by their functions' names."""
    found: dict[str, Handler] = _environment.__dict__.setdefault("loaded", {})
    return found


def _give_its_own_event(api: APIGatewayRestResolver) -> None:
    """A resolver keeps the current event on the class of all resolvers: shadow it on this one."""
    resolve = api.resolve

    def resolve_alone(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        api.current_event = api._to_proxy_event(event)  # type: ignore[assignment]
        api.lambda_context = context
        return resolve(event, context)

    api.resolve = resolve_alone  # type: ignore[method-assign,assignment]


def call(
    name: str, method: str, path: str, *, timeout_seconds: float = PATIENT_SECONDS, **request: Any
) -> Answer:
    """One HTTP request to the function in functions/<name>.py, which has so much time."""
    answer = function(name)(http_event(method, path, **request), lambda_context(timeout_seconds))
    headers = {name.lower(): values[-1] for name, values in answer["multiValueHeaders"].items()}
    body = json.loads(answer["body"]) if answer["body"] else None
    return Answer(answer["statusCode"], body, headers)


def sqs_event(*bodies: Any, queue: str = "queue", receive_count: int = 1) -> dict[str, Any]:
    """A batch of messages; a body that is not text is sent as JSON."""
    return {
        "Records": [
            {
                "messageId": str(uuid.uuid4()),
                "receiptHandle": str(uuid.uuid4()),
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": str(receive_count)},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{queue}",
                "awsRegion": "us-east-1",
            }
            for body in bodies
        ]
    }


def bus_message(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """An event of ours as EventBridge hands it to a queue."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": envelope["type"],
        "source": envelope["source"],
        "account": "000000000000",
        "time": envelope["occurred_at"],
        "region": "us-east-1",
        "resources": [],
        "detail": dict(envelope),
    }
