"""The OpenAPI 3.1 document of the whole API, merged from the functions that the template names."""

import json
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler.openapi.merge import OpenAPIMerge

from commerce.entrypoints.http import ANYONE
from commerce.entrypoints.problem import CONTENT_TYPE, STATUS, problem, unexpected
from commerce.shared.errors import CommerceError, Kind
from infra.openapi import examples, parts
from infra.openapi.naming import named
from infra.openapi.operation import Operation
from infra.template import functions, read_template

_SCHEMAS = "#/components/schemas/"


def document() -> dict[str, Any]:
    """Build the document as it is served, with every HTTP function of the template."""
    template = read_template()
    merged = OpenAPIMerge(
        title="Lastunit",
        version=template["Parameters"]["AppVersion"]["Default"],
        openapi_version="3.1.0",
        summary="A serverless commerce backend: the last unit is sold once.",
        description=parts.DESCRIPTION,
        on_conflict="error",
    )
    served = [each for each in functions(template) if each.trigger == "http"]
    operations = [operation for each in served for operation in Operation.all_of(each)]
    for operation in operations:
        paths = {operation.path: {operation.method: _described(operation)}}
        merged.add_schema({"paths": paths, "components": {"schemas": _tidy(operation.schemas)}})
    found = merged.get_openapi_schema()
    found["info"]["contact"] = parts.CONTACT
    found["servers"] = parts.SERVERS
    used = {operation.tag for operation in operations}
    found["tags"] = [
        {"name": name, "description": said} for name, said in parts.TAGS.items() if name in used
    ]
    found["paths"] = dict(sorted(found["paths"].items()))
    components = found["components"]
    components |= {"headers": parts.HEADERS, "securitySchemes": parts.SECURITY_SCHEMES}
    components["examples"] = _problems(operations)
    codes = {each["value"]["code"] for each in components["examples"].values()}
    components["schemas"] |= parts.problem_schemas(codes)
    components["schemas"] = _reached(found)
    return named(found)


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.tag],
        "security": list(_security(operation)),
        "parameters": list(_parameters(operation)),
    }
    if operation.body:
        described["requestBody"] = _request(operation)
    described["responses"] = dict(sorted([*_successes(operation), *_refusals(operation)]))
    return described


def _security(operation: Operation) -> Iterator[dict[str, list[str]]]:
    if operation.scope is not None:
        yield {"staff": [operation.scope.value]}
        if not operation.rules.people_only:
            yield {"apiKey": [operation.scope.value]}
    elif operation.rules.access is not ANYONE:
        yield {"user": []}
    if operation.rules.require is not None:
        yield {"gatewaySignature": []}


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for each in operation.parameters:
        described = _tidy(each)
        if each["in"] == "path":
            described |= {
                "description": parts.PATH.get(each["name"], "Opaque"),
                "example": examples.PATH_IDS[each["name"]],
            }
        yield described
    if operation.rules.idempotent:
        yield parts.IDEMPOTENCY_KEY | {"required": operation.rules.idempotent is True}
    if operation.takes_version:
        yield parts.IF_MATCH
    if operation.is_tagged and operation.method == "get":
        yield parts.IF_NONE_MATCH
    if operation.rules.require is not None:
        yield parts.GATEWAY_TIMESTAMP


def _request(operation: Operation) -> dict[str, Any]:
    body = _tidy(operation.body)
    content = body["content"]["application/json"]
    content["schema"].pop("default", None)
    content["example"] = _json(operation.sample["body"])
    return {"description": "JSON, of 256 KB at most", **body}


def _successes(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    headers = [*parts.ALWAYS]
    if operation.is_tagged:
        headers.append("ETag")
    if operation.rules.idempotent:
        headers.append("Idempotency-Replayed")
    for status in operation.success:
        if status is HTTPStatus.NO_CONTENT:
            yield (
                str(status.value),
                {"description": parts.SUCCESS[status], "headers": _headers(headers)},
            )
            continue
        content = {"schema": _tidy(operation.answer_schema)}
        if operation.shape is not str:
            content["example"] = examples.answer_of(operation.shape)
        yield (
            str(status.value),
            {
                "description": parts.SUCCESS[status],
                "headers": _headers(headers),
                "content": {operation.media_type: content},
            },
        )
    if operation.is_tagged and operation.method == "get":
        yield (
            str(HTTPStatus.NOT_MODIFIED.value),
            {
                "description": parts.SUCCESS[HTTPStatus.NOT_MODIFIED],
                "headers": _headers(headers),
            },
        )


def _refusals(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    bodies: dict[HTTPStatus, list[dict[str, Any]]] = {}
    for kind in dict.fromkeys(operation.refusals):
        bodies.setdefault(STATUS[kind.kind], []).append(_body(examples.error_of(kind)))
    for status, described in parts.OF_THE_DOOR.items():
        bodies.setdefault(status, []).append(described)
    bodies[HTTPStatus.INTERNAL_SERVER_ERROR] = [_json(unexpected(examples.REQUEST_ID).body)]
    for status, all_bodies in bodies.items():
        yield str(status.value), _refusal(status, all_bodies)


def _problems(operations: Iterable[Operation]) -> dict[str, Any]:
    bodies = [_body(examples.error_of(kind)) for each in operations for kind in each.refusals]
    bodies += [*parts.OF_THE_DOOR.values(), _json(unexpected(examples.REQUEST_ID).body)]
    described = {_example(each): {"summary": each["title"], "value": each} for each in bodies}
    return dict(sorted(described.items()))


def _example(body: dict[str, Any]) -> str:
    """Name an error's example: TOKEN_EXPIRED is of access tokens, and with 410 of mailed ones."""
    is_gone = body["status"] == HTTPStatus.GONE
    return f"{body['code']}_{body['status']}" if is_gone else str(body["code"])


def _refusal(status: HTTPStatus, bodies: Iterable[dict[str, Any]]) -> dict[str, Any]:
    described = {body["code"]: body for body in bodies}
    headers = [*parts.ALWAYS]
    if status in parts.RETRIED:
        headers.append("Retry-After")
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append("WWW-Authenticate")
    narrowed = {
        "properties": {"status": {"const": status.value}, "code": {"enum": sorted(described)}},
    }
    return {
        "description": "; ".join(f"{code}: {body['title']}" for code, body in described.items()),
        "headers": _headers(headers),
        "content": {
            CONTENT_TYPE: {
                # One schema alone in an allOf: generators know it as that schema, or add the rest.
                "schema": {"allOf": [{"$ref": f"{_SCHEMAS}Problem"}], **narrowed},
                "examples": {
                    code: {"$ref": f"#/components/examples/{_example(body)}"}
                    for code, body in described.items()
                },
            }
        },
    }


def _body(error: CommerceError) -> dict[str, Any]:
    if error.kind is Kind.INVALID and not error.errors and error.code == "VALIDATION_FAILED":
        error.errors = [parts.FIELD]
    described: dict[str, Any] = _json(problem(error, examples.REQUEST_ID).body)
    return described


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _json(text: str | None) -> Any:

    return json.loads(text or "null")


def _tidy(value: Any) -> Any:
    """Remove machine-made titles, and write whole numbers as such."""
    if isinstance(value, list):
        return [_tidy(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, dict):
        return _renamed(value) if isinstance(value, str) else value
    return {
        _renamed(name): _tidy(each)
        for name, each in value.items()
        if not (name == "title" and isinstance(each, str))
    }


def _renamed(text: str) -> str:
    """Powertools' name for a page of things, without what only a program would call so."""
    return re.sub(r"\bPage_(\w+?)_(?!\w)", r"PageOf\1", text)


def _reached(found: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that an operation refers to, directly or through another."""
    schemas, reached, waiting = found["components"]["schemas"], {}, [found["paths"]]
    while waiting:
        for name in _named_in(waiting.pop()):
            if name not in reached:
                reached[name] = schemas[name]
                waiting.append(schemas[name])
    return reached


def _named_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if (reference := str(value.get("$ref", ""))).startswith(_SCHEMAS):
            yield reference.removeprefix(_SCHEMAS)
        for each in value.values():
            yield from _named_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _named_in(each)
