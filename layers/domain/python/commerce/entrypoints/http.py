"""What all HTTP functions share: who asks, what they may, and how they are answered."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from aws_lambda_powertools.event_handler import (
    APIGatewayRestResolver,
    CORSConfig,
    Depends,
    Request,
    Response,
)
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field

from commerce.entrypoints import idempotency
from commerce.entrypoints.problem import problem, unexpected
from commerce.entrypoints.telemetry import Handler, LambdaEvent, count, logger, observed
from commerce.shared import replay, settings, tokens, trace
from commerce.shared.errors import CommerceError, Kind
from commerce.shared.once import Claim, fingerprint
from commerce.shared.tokens import Identity

MAX_BODY_BYTES = 256 * 1024  # SPEC §3

V = TypeVar("V", bound=BaseModel)
Answer: TypeAlias = dict[str, Any]
Idempotent: TypeAlias = bool | Literal["optional"]
"""Whether a request needs an Idempotency-Key, may bring one, or has no use for it."""


class Access(Enum):
    """Who may call."""

    ANYONE = "anyone"
    USER = "user"
    ADMIN = "admin"


ANYONE, USER, ADMIN = Access.ANYONE, Access.USER, Access.ADMIN


class MalformedJson(CommerceError):
    """The body is not JSON."""

    kind = Kind.MALFORMED
    code = "MALFORMED_JSON"


class BodyTooLarge(CommerceError):
    """The body is larger than 256 KB."""

    kind = Kind.TOO_LARGE
    code = "BODY_TOO_LARGE"


class ValidationFailed(CommerceError):
    """A field does not validate."""

    kind = Kind.INVALID
    code = "VALIDATION_FAILED"


class PathNotFound(CommerceError):
    """There is nothing at this path."""

    kind = Kind.NOT_FOUND
    code = "NOT_FOUND"


def _asked(name: str) -> Callable[[Request], Any]:
    def find(request: Request) -> Any:
        return request.context[name]

    return find


Buyer = Annotated[Identity, Depends(_asked("identity"))]
"""The signed-in user who asks."""

RequestKey = Annotated[Claim, Depends(_asked("claim"))]
"""The request's Idempotency-Key, within its user and operation."""

OptionalRequestKey = Annotated[Claim | None, Depends(_asked("claim"))]
"""The same, where the caller sent one."""

Limit = Annotated[int, Query(ge=1, le=100, description="How many items, 1 to 100")]
Cursor = Annotated[
    str | None, Query(max_length=512, description="next_cursor of the page before, as it came")
]
Text = Annotated[str, Field(max_length=64)]


def http_api() -> APIGatewayRestResolver:
    """A resolver whose every refusal is problem+json."""
    origin = settings.text("ALLOWED_ORIGIN", "*")
    api = APIGatewayRestResolver(
        enable_validation=True,
        cors=CORSConfig(
            allow_origin=origin,
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
            ],
            expose_headers=["X-Request-Id", "Idempotency-Replayed", "Retry-After", "ETag"],
        ),
    )

    @api.exception_handler(CommerceError)
    def refuse(error: CommerceError) -> Response[str]:
        logger.info("refused", code=error.code)
        return problem(error, trace.trace_id())

    @api.exception_handler(RequestValidationError)
    def refuse_fields(error: RequestValidationError) -> Response[str]:
        return refuse(ValidationFailed("See errors.", errors=[_field(e) for e in error.errors()]))

    @api.exception_handler(NotFoundError)
    def refuse_path(_: NotFoundError) -> Response[str]:
        return refuse(PathNotFound())

    @api.exception_handler(Exception)
    def fail(error: Exception) -> Response[str]:
        logger.exception("failed", exc_info=error)
        return unexpected(trace.trace_id())

    return api


def tagged(view: V, version: int) -> Response[V]:
    """A 200 with an ETag: the version, then a digest of everything that is shown.

    A caller who has it already is answered 304; what is changed under If-Match looks at the
    version alone, so that a unit sold meanwhile does not refuse an admin.
    """
    digest = hashlib.sha256(view.model_dump_json().encode()).hexdigest()[:16]
    headers: dict[str, str | list[str]] = {
        "ETag": f'"{version}-{digest}"',
        "Cache-Control": "no-cache",  # keep it, but ask each time
    }
    return Response(200, "application/json", view, headers)


def lambda_handler(
    api: APIGatewayRestResolver, *, access: Access = ANYONE, idempotent: Idempotent = False
) -> Handler[Answer]:
    """The function's entry: correlation id, body, identity, idempotency key, then the route."""

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:
        request = _Incoming.of(event, context)
        trace.follow(request.id)
        replay.forget()
        logger.append_keys(correlation_id=request.id, route=f"{request.operation}")
        answer = _unless_known(_answer(api, request, access=access, idempotent=idempotent), request)
        headers = answer.setdefault("multiValueHeaders", {})
        headers["X-Request-Id"] = [request.id]
        headers["Cache-Control"] = headers.get("Cache-Control", ["no-store"])
        if replay.is_marked():
            headers["Idempotency-Replayed"] = ["true"]
        if answer["statusCode"] == HTTPStatus.UNAUTHORIZED:
            count("Unauthenticated")
        logger.info("answered", status=answer["statusCode"], replayed=replay.is_marked())
        return answer

    return handler


@dataclass(frozen=True, slots=True)
class _Incoming:
    """The parts of an API Gateway event that are looked at before the route is."""

    event: LambdaEvent
    context: LambdaContext
    id: str
    operation: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, event: LambdaEvent, context: LambdaContext) -> "_Incoming":
        gateway = event.get("requestContext") or {}
        headers = {k.lower(): v for k, v in (event.get("headers") or {}).items()}
        # Bodies are JSON here, whatever a client's default says (curl's is a form).
        headers["content-type"] = "application/json"
        return cls(
            event={**event, "headers": headers},
            context=context,
            id=str(gateway.get("requestId") or context.aws_request_id),
            operation=f"{event['httpMethod']} {event.get('resource', event['path'])}",
            headers=headers,
        )

    @property
    def has_key(self) -> bool:
        """Whether there is an Idempotency-Key, be it a good one or not."""
        return bool(self.headers.get("idempotency-key", "").strip())

    def body(self) -> Any:
        """The parsed body. Raises MalformedJson or BodyTooLarge."""
        text = self._text()
        if not text:
            return None
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise MalformedJson from error

    def _text(self) -> str:
        body: str = self.event.get("body") or ""
        if len(body.encode()) > MAX_BODY_BYTES * (2 if self.event.get("isBase64Encoded") else 1):
            raise BodyTooLarge
        if not self.event.get("isBase64Encoded"):
            return body
        try:
            text = base64.b64decode(body, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise MalformedJson from error
        if len(text.encode()) > MAX_BODY_BYTES:
            raise BodyTooLarge
        return text


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _answer(
    api: APIGatewayRestResolver, request: _Incoming, *, access: Access, idempotent: Idempotent
) -> Answer:
    try:
        identity = _identity(request, access)
        body = request.body()
        if not idempotent or (idempotent == "optional" and not request.has_key):
            return _resolve(api, request, claim=None, identity=identity)
        claim = Claim(
            scope=f"{identity.user_id if identity else 'anyone'} {request.operation}",
            key=idempotency.read_key(request.headers),
            fingerprint=fingerprint(body),
        )
        return idempotency.answer_once(
            claim, request.context, lambda: _resolve(api, request, claim=claim, identity=identity)
        )
    except CommerceError as error:
        logger.info("refused", code=error.code)
        return _without_route(problem(error, request.id))
    except Exception:  # noqa: BLE001  (nothing inner is shown, and the worker stays warm)
        logger.exception("failed")
        return _without_route(unexpected(request.id))


def _unless_known(answer: Answer, request: _Incoming) -> Answer:
    """304 without a body, where If-None-Match names what would be answered."""
    tags = answer.get("multiValueHeaders", {}).get("ETag")
    wanted = request.headers.get("if-none-match", "")
    known = {each.strip().removeprefix("W/") for each in wanted.split(",")}
    if answer["statusCode"] == HTTPStatus.OK and tags and ({"*", *tags} & known):
        answer["multiValueHeaders"].pop("Content-Type", None)
        answer |= {"statusCode": HTTPStatus.NOT_MODIFIED.value, "body": ""}
    return answer


def _without_route(response: Response[str]) -> Answer:
    headers = {name: [str(value)] for name, value in response.headers.items()}
    return {
        "statusCode": response.status_code,
        "body": response.body,
        "isBase64Encoded": False,
        "multiValueHeaders": {"Content-Type": [response.content_type], **headers},
    }


def _resolve(api: APIGatewayRestResolver, request: _Incoming, **asked: Any) -> Answer:
    api.append_context(**asked)
    answer: Answer = api.resolve(request.event, request.context)
    return answer


def _identity(request: _Incoming, access: Access) -> Identity | None:
    if access is ANYONE:
        return None
    identity = tokens.verify(tokens.bearer(request.headers.get("authorization")))
    logger.append_keys(user_id=str(identity.user_id))
    if access is ADMIN and "admin" not in identity.scopes:
        raise tokens.AdminOnly
    return identity


def _field(error: Mapping[str, Any]) -> dict[str, Any]:
    place = [str(part) for part in error["loc"] if part not in ("body", "query", "path")]
    return {"field": ".".join(place) or "body", "message": error["msg"], "code": error["type"]}
