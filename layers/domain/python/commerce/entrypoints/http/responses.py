"""Responses: ETags, static files, 304, and responses that no route has made."""

import hashlib
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from commerce.entrypoints.http.request import IncomingRequest

JSON = "application/json"

V = TypeVar("V", bound=BaseModel)
Answer: TypeAlias = dict[str, Any]
"""A response as API Gateway takes it."""


def with_etag(view: V, *version: int, status: int = 200) -> Response[V]:
    """Make a response with an ETag: the version, then a digest of the whole view.

    A reader that has the view already gets 304. A change under If-Match compares the version only,
    so that a unit sold in the meantime does not refuse an admin.
    """
    digest = _digest(view.model_dump_json())
    headers: dict[str, str | list[str]] = {
        "ETag": f'"{".".join(map(str, version))}-{digest}"',
        "Cache-Control": "no-cache",  # may be stored, but must be revalidated
    }
    return Response(status, JSON, view, headers)


def no_content() -> Response[None]:
    """Make a response that says by its status alone that it is done."""
    return Response(HTTPStatus.NO_CONTENT, None, None)


def static_file(text: str, media_type: str, **headers: str) -> Response[str]:
    """Make a response of a file, with an ETag: a reader that has it already gets 304."""
    all_headers: dict[str, str | list[str]] = {
        "ETag": f'"{_digest(text)}"',
        "Cache-Control": "no-cache",
        **headers,
    }
    return Response(HTTPStatus.OK, media_type, text, all_headers)


def not_modified_if_known(answer: Answer, request: IncomingRequest) -> Answer:
    """Replace the answer by 304 without a body where If-None-Match has its ETag."""
    tags = answer.get("multiValueHeaders", {}).get("ETag")
    wanted = request.headers.get("if-none-match", "")
    known = {each.strip().removeprefix("W/") for each in wanted.split(",")}
    is_read = request.event["httpMethod"] == "GET"
    if is_read and answer["statusCode"] == HTTPStatus.OK and tags and ({"*", *tags} & known):
        answer["multiValueHeaders"].pop("Content-Type", None)
        answer |= {"statusCode": HTTPStatus.NOT_MODIFIED.value, "body": ""}
    return answer


def without_route(response: Response[str]) -> Answer:
    """Convert a response that was made outside a route to an answer for API Gateway."""
    headers = {name: [str(value)] for name, value in response.headers.items()}
    return {
        "statusCode": response.status_code,
        "body": response.body,
        "isBase64Encoded": False,
        "multiValueHeaders": {"Content-Type": [response.content_type], **headers},
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
