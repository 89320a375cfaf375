"""API Gateway as a WSGI application, which calls the handlers in this process.

It routes as template.yaml says, makes the functions' events, and answers itself where API Gateway
would.
"""

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from infra.template import functions, read_template
from tests.support.lambda_calls import function, lambda_context

Environ = dict[str, Any]
Start = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path of the template, and the function that serves it."""

    method: str
    path: str
    pattern: re.Pattern[str]
    function: str

    @property
    def is_literal(self) -> bool:
        """Return whether no part of the path is a parameter."""
        return "{" not in self.path


class ApiGateway:
    """The whole API in this process, one request at a time per thread."""

    def __init__(self) -> None:
        self.routes = sorted(_routes(), key=lambda route: not route.is_literal)

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        """Serve a request (PEP 3333)."""
        method, path = environ["REQUEST_METHOD"], _path(environ)
        for route in self.routes:
            found = route.pattern.fullmatch(path)
            if route.method == method and found:
                return _answer(route, found.groupdict(), environ, start_response)
        return _unknown_path(start_response)


def _routes() -> Iterator[Route]:
    for each in functions(read_template()):
        for event in each.events.values():
            if event["Type"] == "Api":
                path = event["Properties"]["Path"]
                pattern = re.compile(
                    re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path.replace(".", r"\."))
                )
                name = each.source.relative_to(each.code_uri).with_suffix("")
                yield Route(event["Properties"]["Method"].upper(), path, pattern, str(name))


def _path(environ: Environ) -> str:
    """The path as it was sent, so that a %2F parts nothing."""
    sent = environ.get("REQUEST_URI") or environ["PATH_INFO"]
    return f"/{urlsplit(sent).path.lstrip('/')}"


def _answer(
    route: Route, parameters: dict[str, str], environ: Environ, start_response: Start
) -> Iterable[bytes]:
    event = _event(route, parameters, environ)
    answer = function(route.function)(event, lambda_context())
    json.dumps(answer).encode()  # as the runtime sends it
    status = HTTPStatus(answer["statusCode"])
    headers = [
        (name, value) for name, values in answer["multiValueHeaders"].items() for value in values
    ]
    start_response(f"{status.value} {status.phrase}", headers)
    return [str(answer["body"]).encode()]


def _event(route: Route, parameters: dict[str, str], environ: Environ) -> dict[str, Any]:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").title(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name == "CONTENT_TYPE" and value)
    }
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    body, is_base64 = _text(raw)
    path = unquote(_path(environ))
    return {
        "resource": route.path,
        "path": path,
        "httpMethod": route.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {name: unquote(value) for name, value in parameters.items()} or None,
        "stageVariables": None,
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "stage": "v1",
            "path": path,
            "domainName": "localhost",
            "apiId": "bridge",
        },
        "body": body or None,
        "isBase64Encoded": is_base64,
    }


def _text(raw: bytes) -> tuple[str, bool]:
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode(), True


def _unknown_path(start_response: Start) -> Iterable[bytes]:
    told = read_template()["Resources"]["Api"]["Properties"]["GatewayResponses"]
    template = told["MISSING_AUTHENTICATION_TOKEN"]["ResponseTemplates"]["application/json"]
    id_ = str(uuid.uuid4())
    start_response(
        "404 Not Found", [("Content-Type", "application/problem+json"), ("X-Request-Id", id_)]
    )
    return [template.replace("$context.requestId", id_).encode()]
