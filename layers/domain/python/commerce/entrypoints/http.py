"""What all HTTP functions share: who asks, what they may, and how they are answered."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from aws_lambda_powertools.event_handler import (
    APIGatewayRestResolver,
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
from commerce.runtime import replay, settings, tokens
from commerce.runtime.idempotency import Claim, fingerprint
from commerce.runtime.tokens import Identity
from commerce.shared import trace
from commerce.shared.errors import CommerceError, Kind
from commerce.shared.etag import IfMatch, if_match

MAX_BODY_BYTES = 256 * 1024  # SPEC §3
MAX_DEPTH = 20  # no request of ours nests deeper than 4
MAX_ERRORS = 100  # told of one request: an answer is not to be many times as large
JSON = "application/json"
EXPOSED_HEADERS = "X-Request-Id,Idempotency-Replayed,Retry-After,ETag"

V = TypeVar("V", bound=BaseModel)
Requirement: TypeAlias = Callable[[Mapping[str, str], bytes], None]
"""Looks at a request's headers (in lower case) and raw body, and raises where it refuses them."""
Answer: TypeAlias = dict[str, Any]
Idempotent: TypeAlias = bool | Literal["optional"]
"""Whether requests have an Idempotency-Key: none, each, or those that the caller gave one."""


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

Admin = Annotated[Identity, Depends(_asked("identity"))]
"""The signed-in admin who asks."""

RequestKey = Annotated[Claim, Depends(_asked("claim"))]
"""The request's Idempotency-Key, within its user and operation."""

OptionalRequestKey = Annotated[Claim | None, Depends(_asked("claim"))]
"""The same where the key may be left out; then the request stands for itself."""

Seen = Annotated[IfMatch, Depends(_asked("if_match"))]
"""The version that the request's If-Match says was seen."""

Limit = Annotated[int, Query(ge=1, le=100, description="How many items, 1 to 100")]
Cursor = Annotated[
    str | None, Query(max_length=512, description="next_cursor of the page before, as it came")
]
Text = Annotated[str, Field(max_length=64)]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a request before its route is, and what it may be answered."""

    access: Access = ANYONE
    require: Requirement | None = None
    idempotent: Idempotent = False
    fingerprint_key: Callable[[], bytes] | None = None
    success: Sequence[int] = (HTTPStatus.OK,)
    refusals: Sequence[type[CommerceError]] = ()


class HttpApi(APIGatewayRestResolver):
    """A function's route, and the rules that its handler holds requests and answers to."""

    rules = Rules()


def http_api() -> HttpApi:
    """A resolver whose every refusal is problem+json."""
    # Never debug, whatever the environment says: it prints events, tokens and passwords in them.
    api = HttpApi(enable_validation=True, debug=False)

    @api.exception_handler(CommerceError)
    def refuse(error: CommerceError) -> Response[str]:
        logger.info("refused", code=error.code)
        return problem(error, trace.trace_id())

    @api.exception_handler(RequestValidationError)
    def refuse_fields(error: RequestValidationError) -> Response[str]:
        errors = [_field(each) for each in error.errors()[:MAX_ERRORS]]
        return refuse(ValidationFailed("See errors.", errors=errors))

    @api.exception_handler(NotFoundError)
    def refuse_path(_: NotFoundError) -> Response[str]:
        return refuse(PathNotFound())

    @api.exception_handler(Exception)
    def fail(error: Exception) -> Response[str]:
        logger.exception("failed", exc_info=error)
        return unexpected(trace.trace_id())

    return api


def tagged(view: V, *version: int, status: int = 200) -> Response[V]:
    """An answer with an ETag: the version, then a digest of everything that is shown.

    Who reads what they have already is answered 304. What is changed under If-Match looks at the
    version alone, so that a unit sold meanwhile does not refuse an admin.
    """
    digest = hashlib.sha256(view.model_dump_json().encode()).hexdigest()[:16]
    headers: dict[str, str | list[str]] = {
        "ETag": f'"{".".join(map(str, version))}-{digest}"',
        "Cache-Control": "no-cache",  # keep it, but ask each time
    }
    return Response(status, JSON, view, headers)


def file_of_ours(text: str, media_type: str, **headers: str) -> Response[str]:
    """A file as it is, with an ETag: who has it already is answered 304."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    shown_with: dict[str, str | list[str]] = {
        "ETag": f'"{digest}"',
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        **headers,
    }
    return Response(HTTPStatus.OK, media_type, text, shown_with)


def lambda_handler(
    api: HttpApi,
    *,
    access: Access = ANYONE,
    require: Requirement | None = None,
    idempotent: Idempotent = False,
    fingerprint_key: Callable[[], bytes] | None = None,
    success: Sequence[int] = (HTTPStatus.OK,),
    refusals: Sequence[type[CommerceError]] = (),
) -> Handler[Answer]:
    """The function's entry: correlation id, body, identity, idempotency key, then the route.

    `require` looks at headers and raw body before anything else does. With a `fingerprint_key`
    what is remembered of an idempotent request cannot be guessed back from its fingerprint.
    `success` and `refusals` are for the OpenAPI document alone, which knows the rest by itself: how
    the route succeeds, and the errors of the domain that its callers meet.
    """
    api.rules = rules = Rules(access, require, idempotent, fingerprint_key, success, refusals)

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:
        request = _Incoming.of(event, context)
        trace.follow(request.id)
        replay.forget()
        logger.append_keys(correlation_id=request.id, route=f"{request.operation}")
        answer = _unless_known(_answer(api, request, rules), request)
        answer["multiValueHeaders"] = {
            "Cache-Control": ["no-store"],
            **answer.get("multiValueHeaders", {}),
            "X-Request-Id": [request.id],
            "Access-Control-Allow-Origin": [settings.text("ALLOWED_ORIGIN", "*")],
            "Access-Control-Expose-Headers": [EXPOSED_HEADERS],
            **({"Idempotency-Replayed": ["true"]} if replay.is_marked() else {}),
        }
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
        headers = _headers(event)
        # Bodies are JSON here, whatever a client's default says (curl's is a form).
        headers["content-type"] = "application/json"
        return cls(
            event={**event, "headers": headers},
            context=context,
            id=str(gateway.get("requestId") or context.aws_request_id),
            operation=f"{event['httpMethod']} {event.get('resource', event['path'])}",
            headers=headers,
        )

    def body(self) -> Any:
        """The parsed body. Raises MalformedJson or BodyTooLarge."""
        raw = self.raw_body()
        if not raw:
            return None
        try:
            parsed = json.loads(
                raw.decode(), parse_constant=_refuse_constant, object_pairs_hook=_unambiguous
            )
        except (ValueError, RecursionError) as error:
            raise MalformedJson from error
        if _is_deeper_than(MAX_DEPTH, parsed):
            raise MalformedJson(f"The body nests deeper than {MAX_DEPTH} levels.")
        return parsed

    def raw_body(self) -> bytes:
        """The body as it was sent. Raises MalformedJson (not base64) or BodyTooLarge."""
        body: str = self.event.get("body") or ""
        try:
            raw = body.encode()
            if len(raw) > MAX_BODY_BYTES * (2 if self.event.get("isBase64Encoded") else 1):
                raise BodyTooLarge
            if self.event.get("isBase64Encoded"):
                raw = base64.b64decode(raw, validate=True)
        except ValueError as error:  # not base64, or no text at all
            raise MalformedJson from error
        if len(raw) > MAX_BODY_BYTES:
            raise BodyTooLarge
        return raw


def _headers(event: LambdaEvent) -> dict[str, str]:
    """By their names in lower case; what came several times is one list (RFC 9110 §5.3).

    So nobody but us picks one of two keys, tokens or signatures: a list is none of these.
    """
    several: dict[str, list[str]] = {}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        several.setdefault(name.lower(), []).extend(values)
    lists = {name: ", ".join(dict.fromkeys(values)) for name, values in several.items()}
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()} | lists


def _is_deeper_than(levels: int, value: Any) -> bool:
    """Whether JSON nests deeper; level by level, since recursion is what deep JSON attacks."""
    level = [value]
    for _ in range(levels):
        level = [
            each
            for outer in level
            if isinstance(outer, dict | list)
            for each in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: of two values, somebody else may see the other."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise MalformedJson("Each name may come once in an object.")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _answer(api: APIGatewayRestResolver, request: _Incoming, rules: Rules) -> Answer:
    try:
        identity = _identity(request, rules.access)
        if rules.require is not None:
            rules.require(request.headers, request.raw_body())
        body = request.body()
        seen = if_match(request.headers.get("if-match"))
        api.append_context(identity=identity, if_match=seen)
        claim = _claim(request, identity, body, rules)
        if claim is None:
            return _resolve(api, request, claim=None)
        return idempotency.answer_once(
            claim, request.context, lambda: _resolve(api, request, claim=claim, identity=identity)
        )
    except CommerceError as error:
        logger.info("refused", code=error.code)
        return _without_route(problem(error, request.id))
    except Exception:  # noqa: BLE001  (nothing inner is shown, and the worker stays warm)
        logger.exception("failed")
        return _without_route(unexpected(request.id))


def _claim(request: _Incoming, identity: Identity | None, body: Any, rules: Rules) -> Claim | None:
    if not rules.idempotent:
        return None
    read = idempotency.find_key if rules.idempotent == "optional" else idempotency.read_key
    key = read(request.headers)
    if key is None:
        return None
    return Claim(
        scope=f"{identity.user_id if identity else 'anyone'} {request.operation}",
        key=key,
        # The path says what the body is about: one key for two orders is a key used twice.
        fingerprint=fingerprint(
            {"path": request.event["path"], "body": body},
            rules.fingerprint_key() if rules.fingerprint_key else b"",
        ),
    )


def _unless_known(answer: Answer, request: _Incoming) -> Answer:
    """304 without a body, where If-None-Match names what would be answered."""
    tags = answer.get("multiValueHeaders", {}).get("ETag")
    wanted = request.headers.get("if-none-match", "")
    known = {each.strip().removeprefix("W/") for each in wanted.split(",")}
    is_read = request.event["httpMethod"] == "GET"
    if is_read and answer["statusCode"] == HTTPStatus.OK and tags and ({"*", *tags} & known):
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
    # The first part says where the field was found: body, query, path or header.
    place = [str(part) for part in error["loc"][1:]]
    return {"field": ".".join(place) or "body", "message": error["msg"], "code": error["type"]}
