"""A function's route, and the handler around it that every HTTP function shares."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Literal, TypeAlias

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.app.sessions import expect_session_of, require_session
from commerce.entrypoints.http import acts
from commerce.entrypoints.http.access import ANYONE, Access, identify
from commerce.entrypoints.http.field_errors import field_error
from commerce.entrypoints.http.request import IncomingRequest
from commerce.entrypoints.http.request_keys import find_key, read_key
from commerce.entrypoints.http.responses import Answer, not_modified_if_known, without_route
from commerce.entrypoints.http.strictness import ValidationFailed, refuse_what_is_ignored
from commerce.entrypoints.http.viewer import Viewer
from commerce.entrypoints.problem import problem, unexpected
from commerce.entrypoints.telemetry import Handler, LambdaEvent, count, logger, observed
from commerce.runtime import replay, settings
from commerce.runtime.deadline import answering_within
from commerce.runtime.idempotency import Claim, fingerprint
from commerce.runtime.tokens import Identity
from commerce.shared import trace
from commerce.shared.errors import CommerceError, Kind
from commerce.shared.etag import if_match
from commerce.shared.languages import preferred

MAX_ERRORS = 100  # listed per request, so that an answer is not many times as large
EXPOSED_HEADERS = "X-Request-Id,Idempotency-Replayed,Retry-After,ETag"

Requirement: TypeAlias = Callable[[Mapping[str, str], bytes], None]
"""Checks a request's headers (names in lower case) and raw body; raises where it refuses them."""
Idempotent: TypeAlias = bool | Literal["optional"]
"""Says if requests have an Idempotency-Key: none, all, or those whose caller sent one."""


AnswerOnce: TypeAlias = Callable[[Claim, LambdaContext, Callable[[], Answer]], Answer]
"""Calls a function for its answer, or replays the first answer to the same claim."""


class PathNotFound(CommerceError):
    """There is nothing at this path."""

    kind = Kind.NOT_FOUND
    code = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Rules:
    """The conditions of a request before its route runs, and the answers that it can get."""

    access: Access = ANYONE
    require: Requirement | None = None
    idempotent: Idempotent = False
    answered_by: AnswerOnce | None = None
    fingerprint_key: Callable[[], bytes] | None = None
    success: Sequence[int] = (HTTPStatus.OK,)
    refusals: Sequence[type[CommerceError]] = ()
    people_only: bool = False
    bootstraps: bool = False
    reads_personal_data: bool = False
    continues: Sequence[str] = ()


class HttpApi(APIGatewayRestResolver):
    """A function's route, with the rules that its handler applies."""

    rules = Rules()


def http_api() -> HttpApi:
    """Make a resolver whose refusals are problem+json."""
    # Never debug, whatever the environment says: it prints events, with tokens and passwords.
    api = HttpApi(enable_validation=True, debug=False)
    api.use([refuse_what_is_ignored])

    @api.exception_handler(CommerceError)
    def refuse(error: CommerceError) -> Response[str]:
        logger.info("refused", code=error.code)
        return problem(error, trace.trace_id())

    @api.exception_handler(RequestValidationError)
    def refuse_fields(error: RequestValidationError) -> Response[str]:
        errors = [field_error(each) for each in error.errors()[:MAX_ERRORS]]
        return refuse(ValidationFailed("See errors.", errors=errors))

    @api.exception_handler(NotFoundError)
    def refuse_path(_: NotFoundError) -> Response[str]:
        return refuse(PathNotFound())

    @api.exception_handler(Exception)
    def fail(error: Exception) -> Response[str]:
        logger.exception("failed", exc_info=error)
        return unexpected(trace.trace_id())

    return api


def lambda_handler(
    api: HttpApi,
    *,
    access: Access = ANYONE,
    require: Requirement | None = None,
    idempotent: Idempotent = False,
    answered_by: AnswerOnce | None = None,
    fingerprint_key: Callable[[], bytes] | None = None,
    answer_within_seconds: float = math.inf,
    success: Sequence[int] = (HTTPStatus.OK,),
    refusals: Sequence[type[CommerceError]] = (),
    people_only: bool = False,
    bootstraps: bool = False,
    reads_personal_data: bool = False,
    continues: Sequence[str] = (),
) -> Handler[Answer]:
    """Make the function's handler: correlation id, body, identity, idempotency key, then the route.

    Args:
        api: the function's route.
        access: the callers that are let in.
        require: checks headers and raw body before the body is parsed.
        idempotent: says if requests have an Idempotency-Key.
        answered_by: replays the answers to such requests, where it is not the claim row alone.
        fingerprint_key: returns the key of the HMAC that is stored of an idempotent request, where
            a plain hash would let its body be guessed.
        answer_within_seconds: the time of an answer, where the function's time-out is longer.
        success: the answers' status codes, for the OpenAPI document.
        refusals: the errors that callers may get, for the OpenAPI document.
        people_only: refuses API keys, whatever their scopes.
        bootstraps: takes an operator's token in production, which no other function does.
        reads_personal_data: has a read audited, as writes of staff are.
        continues: operations that go on with an act of the audit, in place of beginning another.
    """
    api.rules = rules = Rules(
        access, require, idempotent, answered_by, fingerprint_key, success, refusals,
        people_only, bootstraps, reads_personal_data, continues,
    )  # fmt: skip

    @observed
    def handler(event: LambdaEvent, context: LambdaContext) -> Answer:
        request = IncomingRequest.of(event, context)
        trace.follow(request.id)
        replay.reset()
        expect_session_of(None)
        logger.append_keys(correlation_id=request.id, route=request.operation)
        viewer = Viewer(request)
        api.append_context(
            viewer=viewer,
            source_ip=request.source_ip,
            user_agent=request.headers.get("user-agent", ""),
            language=preferred(request.headers.get("accept-language", "")),
        )
        with answering_within(answer_within_seconds):
            answer = not_modified_if_known(_answer(api, request, rules), request)
        viewer.end(answer)
        answer["multiValueHeaders"] = {
            "Cache-Control": ["no-store"],
            **answer.get("multiValueHeaders", {}),
            "X-Request-Id": [request.id],
            "X-Content-Type-Options": ["nosniff"],
            "Access-Control-Allow-Origin": [settings.text("ALLOWED_ORIGIN", "*")],
            "Access-Control-Expose-Headers": [EXPOSED_HEADERS],
            **({"Idempotency-Replayed": ["true"]} if replay.is_replayed() else {}),
        }
        if answer["statusCode"] == HTTPStatus.UNAUTHORIZED:
            count("Unauthenticated")
        logger.info("answered", status=answer["statusCode"], replayed=replay.is_replayed())
        return answer

    return handler


def _answer(api: HttpApi, request: IncomingRequest, rules: Rules) -> Answer:
    try:
        identity = identify(
            request.headers,
            rules.access,
            people_only=rules.people_only,
            bootstraps=rules.bootstraps,
        )
        act = acts.begin(
            identity,
            request,
            reads_personal_data=rules.reads_personal_data,
            continues=rules.continues,
        )
        api.append_context(act=act)
    except Exception as error:  # noqa: BLE001  (nothing internal is shown)
        expect_session_of(None)
        return _refusal(error, request)
    answer = _respond(api, request, rules, identity)
    acts.end(act, answer)
    return answer


def _respond(
    api: HttpApi, request: IncomingRequest, rules: Rules, identity: Identity | None
) -> Answer:
    try:
        if rules.require is not None:
            rules.require(request.headers, request.raw_body())
        body = request.body()
        claim = _claim(request, identity, body, rules)
        api.append_context(
            identity=identity, if_match=if_match(request.headers.get("if-match")), claim=claim
        )
        if claim is None or rules.answered_by is None:
            return _resolve(api, request)
        answer = rules.answered_by(claim, request.context, partial(_resolve, api, request))
        if replay.is_replayed():  # perhaps without a transaction, which would have checked it
            replay.reset()
            require_session()
            replay.mark_replayed()
        return answer  # noqa: TRY300
    except Exception as error:  # noqa: BLE001  (nothing internal is shown)
        return _refusal(error, request)
    finally:
        expect_session_of(None)


def _refusal(error: Exception, request: IncomingRequest) -> Answer:
    """Answer a request that failed outside its route; the worker stays warm."""
    if isinstance(error, CommerceError):
        logger.info("refused", code=error.code)
        return without_route(problem(error, request.id))
    logger.exception("failed", exc_info=error)
    return without_route(unexpected(request.id))


def _resolve(api: HttpApi, request: IncomingRequest) -> Answer:
    answer: Answer = api.resolve(request.event, request.context)
    return {**answer, "body": answer["body"] or ""}  # the emulator takes no missing body


def _claim(
    request: IncomingRequest, identity: Identity | None, body: Any, rules: Rules
) -> Claim | None:
    if not rules.idempotent:
        return None
    read = find_key if rules.idempotent == "optional" else read_key
    key = read(request.headers)
    if key is None:
        return None
    return Claim(
        scope=f"{identity.user_id if identity else 'anyone'} {request.operation}",
        key=key,
        # With the path, because the same body for two orders is two requests.
        fingerprint=fingerprint(
            {"path": request.event["path"], "body": body},
            rules.fingerprint_key() if rules.fingerprint_key else b"",
        ),
    )
