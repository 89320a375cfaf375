"""Errors as `application/problem+json` (RFC 9457), and the status of each kind of error."""

import json
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from commerce.shared.errors import CommerceError, Kind

CONTENT_TYPE = "application/problem+json"

STATUS = {
    Kind.MALFORMED: HTTPStatus.BAD_REQUEST,
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.GONE: HTTPStatus.GONE,
    Kind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Kind.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def problem(error: CommerceError, request_id: str) -> Response[str]:
    """Make the response to a refused request."""
    headers: dict[str, str | list[str]] = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if error.kind is Kind.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    more = {**error.facts, **({"errors": error.errors} if error.errors else {})}
    body = _body(STATUS[error.kind], error.code, error.title, error.detail, request_id) | more
    return _response(body, headers)


def unexpected(request_id: str) -> Response[str]:
    """Make the response to an internal error, which shows nothing but the id to report."""
    return _response(
        _body(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "INTERNAL_ERROR",
            "Something went wrong on our side",
            "It is logged under this request_id; trying again may help.",
            request_id,
        ),
        {},
    )


def _body(
    status: HTTPStatus, code: str, title: str, detail: str, request_id: str
) -> dict[str, Any]:
    return {
        "type": f"urn:lastunit:problem:{code.lower().replace('_', '-')}",
        "title": title,
        "status": status.value,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }


def _response(body: dict[str, Any], headers: dict[str, str | list[str]]) -> Response[str]:
    text = json.dumps(body, ensure_ascii=False)
    return Response(
        status_code=body["status"], content_type=CONTENT_TYPE, body=text, headers=headers
    )
